# One image for every role: docker run weir up|gateway|sensor|engine|admin …
FROM node:24-slim AS build
WORKDIR /weir
COPY package.json package-lock.json ./
COPY admin-ui/package.json admin-ui/
RUN npm install --no-save --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --no-audit --no-fund && rm -rf dist/.tsbuildinfo test bench admin-ui/src scripts/test.mjs

FROM node:24-slim
# tcpdump is for the sensor only; its binary gets the one capability that capturing needs, so that node never does.
RUN apt-get update && apt-get install -y --no-install-recommends tcpdump libcap2-bin ca-certificates \
  && setcap cap_net_raw+ep "$(command -v tcpdump)" && rm -rf /var/lib/apt/lists/* \
  && useradd --system --uid 10001 --home-dir /data weir && install -d -o weir -g weir /data
WORKDIR /weir
COPY --from=build /weir/node_modules node_modules
COPY --from=build /weir/dist dist
COPY --from=build /weir/admin-ui/dist admin-ui/dist
COPY --from=build /weir/policies/library policies/library
COPY --from=build /weir/scans/library scans/library
COPY --from=build /weir/learning/templating/model.json learning/templating/model.json
COPY --from=build /weir/examples/demo-api/invoices examples/demo-api/invoices
COPY --from=build /weir/bin bin
COPY --from=build /weir/package.json /weir/LICENSE /weir/README.md ./
ENV NODE_ENV=production WEIR_DATA=/data
USER weir
VOLUME /data
EXPOSE 8080 9090
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s CMD ["node", "bin/weir", "doctor", "--health"]
ENTRYPOINT ["node", "bin/weir"]
CMD ["up", "--admin-host", "0.0.0.0"]
