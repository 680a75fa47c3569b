import { once } from 'node:events';
import http from 'node:http';
import net, { type AddressInfo } from 'node:net';
import t from 'tap';
import type { HeaderList } from '../exchange/index.js';
import { createGateway, trivialPorts } from './index.js';

/**
 * Messages that two servers could read differently, written from RFC 9112 and the known classes of request smuggling. Each must be refused and
 * not one byte of it may reach the upstream. One room: it is one table, beside that of messages which must pass. `\r\n` is written out; text is latin1.
 */
const GET = 'GET / HTTP/1.1\r\nHost: a\r\n';
const POST = 'POST / HTTP/1.1\r\nHost: a\r\n';
const CHUNKED = `${POST}Transfer-Encoding: chunked\r\n\r\n`;

const refused: readonly (readonly [name: string, bytes: string, status: number])[] = [
  // Message framing: Content-Length and Transfer-Encoding (RFC 9112 §6)
  ['CL before TE', `${POST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['TE before CL', `${POST}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n`, 400],
  ['CL zero with TE', `${POST}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['two equal CL', `${POST}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`, 400],
  ['two different CL', `${POST}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`, 400],
  ['CL list', `${POST}Content-Length: 3, 3\r\n\r\nabc`, 400],
  ['CL with plus', `${POST}Content-Length: +3\r\n\r\nabc`, 400],
  ['CL negative', `${POST}Content-Length: -3\r\n\r\nabc`, 400],
  ['CL hexadecimal', `${POST}Content-Length: 0x3\r\n\r\nabc`, 400],
  ['CL empty', `${POST}Content-Length:\r\n\r\n`, 400],
  ['CL with inner space', `${POST}Content-Length: 1 1\r\n\r\nabc`, 400],
  ['CL with letters', `${POST}Content-Length: 3abc\r\n\r\nabc`, 400],
  ['CL fraction', `${POST}Content-Length: 3.0\r\n\r\nabc`, 400],
  ['CL beyond 64 bits', `${POST}Content-Length: 99999999999999999999\r\n\r\nabc`, 400],
  ['CL in quotes', `${POST}Content-Length: "3"\r\n\r\nabc`, 400],
  ['CL with underscore digits', `${POST}Content-Length: 0_3\r\n\r\nabc`, 400],
  ['CL longer than any file', `${POST}Content-Length: 9999999999999999\r\n\r\nabc`, 400],
  ['CL spelled with underscore', `${POST}Content_Length: 3\r\n\r\n`, 400],
  ['TE spelled with underscore', `${POST}Transfer_Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['TE gzip only', `${POST}Transfer-Encoding: gzip\r\n\r\nabc`, 400],
  ['TE gzip, chunked', `${POST}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 400],
  ['TE chunked, identity', `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`, 400],
  ['TE chunked twice', `${POST}Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n`, 400],
  ['TE lines chunked then x', `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n`, 400],
  ['TE lines x then chunked', `${POST}Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['TE lines identity then chunked', `${POST}Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['TE xchunked', `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, 400],
  ['TE with vertical tab', `${POST}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`, 400],
  ['TE with form feed', `${POST}Transfer-Encoding: chunked\x0c\r\n\r\n0\r\n\r\n`, 400],
  ['TE in quotes', `${POST}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`, 400],
  ['TE with parameter', `${POST}Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n`, 400],
  ['TE empty', `${POST}Transfer-Encoding:\r\n\r\n`, 400],
  ['TE comma only', `${POST}Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n`, 400],
  ['TE in HTTP/1.0', 'POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
  ['TE obs-folded', `${POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`, 400],
  ['TE space before colon', `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`, 400],
  ['TE named in Connection', `${POST}Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['CL named in Connection', `${POST}Connection: close, Content-Length\r\nContent-Length: 3\r\n\r\nabc`, 400],
  ['Host named in Connection', 'GET / HTTP/1.1\r\nHost: a\r\nConnection: host\r\n\r\n', 400],
  ['TE between tabs', `${POST}Transfer-Encoding: \tchunked\t\r\n\r\n0\r\n\r\n`, 400],
  ['TE identity', `${POST}Transfer-Encoding: identity\r\n\r\n`, 400],
  ['TE identity with CL', `${POST}Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc`, 400],
  ['TE with trailing comma', `${POST}Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n`, 400],
  ['TE lines chunked twice', `${POST}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['TE with NUL', `${POST}Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n`, 400],
  ['TE with non-breaking space', `${POST}Transfer-Encoding: \xa0chunked\r\n\r\n0\r\n\r\n`, 400],
  ['TE name with space', `${POST}Transfer Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['TE name with vertical tab', `${POST}Transfer-Encoding\x0b: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['TE behind a blank', `${POST}X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['TE behind a bare CR', `${POST}X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['TE behind a bare LF', `${POST}X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['TE on HTTP/1.0 with CL', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n', 400],
  ['TE on GET with CL (0.CL)', `${GET}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['CL list without space', `${POST}Content-Length: 3,3\r\n\r\nabc`, 400],
  ['CL obs-folded', `${POST}Content-Length:\r\n 3\r\n\r\nabc`, 400],
  ['CL space before colon', `${POST}Content-Length : 3\r\n\r\nabc`, 400],
  ['CL lines in two spellings', `${POST}Content-Length: 3\r\ncontent-length: 3\r\n\r\nabc`, 400],
  ['CL with parameter', `${POST}Content-Length: 3;a=b\r\n\r\nabc`, 400],
  ['CL with vertical tab', `${POST}Content-Length: \x0b3\r\n\r\nabc`, 400],
  ['CL with NUL', `${POST}Content-Length: 3\0\r\n\r\nabc`, 400],
  ['CL exponent', `${POST}Content-Length: 3e0\r\n\r\nabc`, 400],
  ['CL in other digits', `${POST}Content-Length: \xd9\xa3\r\n\r\nabc`, 400],
  [
    'TE in a Connection line of its own',
    `${POST}Connection: close\r\nConnection: TRANSFER-ENCODING\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
  ],
  // Chunks (§7.1)
  ['chunk size not a number', `${CHUNKED}xyz\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk size 0x', `${CHUNKED}0x3\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk size negative', `${CHUNKED}-3\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk size plus', `${CHUNKED}+3\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk size with trailing space', `${CHUNKED}3 \r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk size with leading space', `${CHUNKED} 3\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk size with underscore', `${CHUNKED}0_3\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk size beyond 64 bits', `${CHUNKED}fffffffffffffffff\r\nabc\r\n`, 400],
  ['chunk size empty', `${CHUNKED}\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk lines end in LF', `${CHUNKED}3\nabc\n0\n\n`, 400],
  ['chunk size ends in CR', `${CHUNKED}3\rabc\r\n0\r\n\r\n`, 400],
  ['chunk data ends in LF', `${CHUNKED}3\r\nabc\n0\r\n\r\n`, 400],
  ['chunk longer than said', `${CHUNKED}3\r\nabcd\r\n0\r\n\r\n`, 400],
  ['chunk extension with LF', `${CHUNKED}3;\nxx\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk extension quoted LF', `${CHUNKED}3;a="\n"\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk extension with CR', `${CHUNKED}3;a\rb\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk size with blank before its extension', `${CHUNKED}3 ;a=b\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk size with comma', `${CHUNKED}3,3\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk size fraction', `${CHUNKED}3.0\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk size with vertical tab', `${CHUNKED}3\x0b\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk size with NUL', `${CHUNKED}3\0\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk size ends in CR CR LF', `${CHUNKED}3\r\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk of an extension only', `${CHUNKED};a=b\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk extension ends in LF', `${CHUNKED}3;a=b\nabc\r\n0\r\n\r\n`, 400],
  ['chunk extension with NUL', `${CHUNKED}3;a=\0\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk extension ends in CR CR LF', `${CHUNKED}3;a\r\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk extension with blanks', `${CHUNKED}3;a = b\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk extension quoted CR LF', `${CHUNKED}3;a="\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk extension with 8 bit', `${CHUNKED}3;\xff\r\nabc\r\n0\r\n\r\n`, 400],
  ['chunk extensions without end', `${CHUNKED}3;${'a'.repeat(20_000)}\r\nabc\r\n0\r\n\r\n`, 413],
  ['chunk without line end', `${CHUNKED}3\r\nabc0\r\n\r\n`, 400],
  ['chunk that ends in CR', `${CHUNKED}3\r\nabc\r0\r\n\r\n`, 400],
  ['last chunk extended with LF', `${CHUNKED}0;\n\r\n\r\n`, 400],
  ['last chunk ends in LF', `${CHUNKED}0\n\r\n`, 400],
  ['last chunk, then a request', `${CHUNKED}0\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`, 400],
  ['body ends in LF', `${CHUNKED}0\r\n\n`, 400],
  ['body ends in CR', `${CHUNKED}0\r\n\rX`, 400],
  ['trailer obs-folded', `${CHUNKED}0\r\nX: y\r\n z\r\n\r\n`, 400],
  ['trailer space before colon', `${CHUNKED}0\r\nX : y\r\n\r\n`, 400],
  ['trailer with NUL', `${CHUNKED}0\r\nX: \0\r\n\r\n`, 400],
  ['trailer with CR', `${CHUNKED}0\r\nX: a\rb\r\n\r\n`, 400],
  ['trailer is Transfer-Encoding', `${CHUNKED}0\r\nTransfer-Encoding: chunked\r\n\r\n`, 400],
  ['trailers too large', `${CHUNKED}0\r\nX: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
  ['trailer with bare LF', `${CHUNKED}0\r\nX: y\n\r\n`, 400],
  ['trailer without colon', `${CHUNKED}0\r\nfoo\r\n\r\n`, 400],
  ['trailer is Content-Length', `${CHUNKED}0\r\nContent-Length: 5\r\n\r\n`, 400],
  // Lines and fields (§2.2, §5)
  ['bare LF everywhere', 'GET / HTTP/1.1\nHost: a\n\n', 400],
  ['bare LF after request line', 'GET / HTTP/1.1\nHost: a\r\n\r\n', 400],
  ['bare LF after a header', 'GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n', 400],
  ['bare LF ends the head', 'GET / HTTP/1.1\r\nHost: a\r\n\n', 400],
  ['bare CR between headers', 'GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n', 400],
  ['bare CR in a value', `${GET}X: a\rb\r\n\r\n`, 400],
  ['bare CR before a name', `${GET}\rX: y\r\n\r\n`, 400],
  ['CR CR LF', 'GET / HTTP/1.1\r\nHost: a\r\r\n\r\n', 400],
  ['CR before the empty line', `${GET}\r\r\n\r\n`, 400],
  ['obs-fold with space', `${GET}X: a\r\n b\r\n\r\n`, 400],
  ['obs-fold with tab', `${GET}X: a\r\n\tb\r\n\r\n`, 400],
  ['obs-fold first', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n', 400],
  ['space before colon', `${GET}X : a\r\n\r\n`, 400],
  ['tab before colon', `${GET}X\t: a\r\n\r\n`, 400],
  ['Host space colon', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n', 400],
  ['no colon', `${GET}foo\r\n\r\n`, 400],
  ['empty name', `${GET}: x\r\n\r\n`, 400],
  ['name with parenthesis', `${GET}X(): x\r\n\r\n`, 400],
  ['name with 8 bit', `${GET}X\xe9: x\r\n\r\n`, 400],
  ['name with NUL', `${GET}X\0: x\r\n\r\n`, 400],
  ['value with NUL', `${GET}X: a\0b\r\n\r\n`, 400],
  ['value with control', `${GET}X: a\x01b\r\n\r\n`, 400],
  ['value with DEL', `${GET}X: a\x7fb\r\n\r\n`, 400],
  ['name in quotes', `${GET}"X": y\r\n\r\n`, 400],
  ['name behind a NUL', `${GET}\0X: y\r\n\r\n`, 400],
  ['value with escape', `${GET}X: a\x1bb\r\n\r\n`, 400],
  ['obs-fold of blanks only', `${GET}X: a\r\n \r\n\r\n`, 400],
  ['folded line after the request line', 'POST / HTTP/1.1\r\n\tTransfer-Encoding: chunked\r\nHost: a\r\n\r\n', 400],
  // Host and target (§3)
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['two Hosts', `${GET}Host: b\r\n\r\n`, 400],
  ['two equal Hosts', `${GET}Host: a\r\n\r\n`, 400],
  ['empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 400],
  ['Host with space', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 400],
  ['Host with path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
  ['Host with user', 'GET / HTTP/1.1\r\nHost: x@a\r\n\r\n', 400],
  ['Host without port', 'GET / HTTP/1.1\r\nHost: a:\r\n\r\n', 400],
  ['Host with half a bracket', 'GET / HTTP/1.1\r\nHost: [::1\r\n\r\n', 400],
  ['Host with 8 bit', 'GET / HTTP/1.1\r\nHost: \xe9\r\n\r\n', 400],
  ['Host with backslash', 'GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n', 400],
  ['Host and a second one folded', 'GET / HTTP/1.1\r\nHost: a\r\n Host: b\r\n\r\n', 400],
  ['absolute-form without Host', 'GET http://a/ HTTP/1.1\r\n\r\n', 400],
  ['absolute-form in HTTP/1.0 without Host', 'GET http://b/ HTTP/1.0\r\n\r\n', 400],
  ['absolute-form without authority', 'GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['Host list', 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n', 400],
  ['Host with query', 'GET / HTTP/1.1\r\nHost: a?b\r\n\r\n', 400],
  ['Host with bad port', 'GET / HTTP/1.1\r\nHost: a:80x\r\n\r\n', 400],
  ['Host spelled with underscore', `${GET}Ho_st: b\r\nHOST_: c\r\nX: y\r\nHost: b\r\n\r\n`, 400],
  ['absolute-form for another host', 'GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['absolute-form with another port', 'GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['absolute-form with user', 'GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['absolute-form ftp', 'GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['target without slash', 'GET foo HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['asterisk for GET', 'GET * HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['authority-form for GET', 'GET a:80 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['fragment in target', 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['backslash in path', 'GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['8 bit in target', 'GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['NUL in target', 'GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['control in target', 'GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['tab in target', 'GET /\t HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['space in target', 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['bad percent escape', 'GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['cut percent escape', 'GET /a% HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['encoded NUL', 'GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['overlong UTF-8 slash', 'GET /..%c0%af HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['lone continuation byte', 'GET /%80 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['dot segments across services', 'GET /public/../ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['encoded dot segments across services', 'GET /public/%2e%2e/x HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['encoded slash across services', 'GET /public/..%2fx HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['path parameter on dot segments across services', 'GET /public/..;/x HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['encoded backslash across services', 'GET /public/..%5cx HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['dot segments encoded twice', 'GET /public/%252e%252e/x HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['slash encoded twice', 'GET /public/..%252fx HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['service by a needless escape', 'GET /%70ublic/x HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['service behind two slashes', 'GET //public/x HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['service by an encoded slash', 'GET /public%2fx HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['service with a parameter', 'GET /public;x/y HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['Host with percent-encoding', 'GET / HTTP/1.1\r\nHost: %61\r\n\r\n', 400],
  ['absolute-form with the default port', 'GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['absolute-form with password', 'GET http://u:p@a/ HTTP/1.1\r\nHost: u:p@a\r\n\r\n', 400],
  // Fields of which a message has one
  ['two credentials', `${GET}Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n`, 400],
  ['credentials in two spellings', `${GET}Authorization: Bearer a\r\nAUTHORIZATION: Bearer a\r\n\r\n`, 400],
  ['two content types', `${POST}Content-Type: text/plain\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}`, 400],
  ['content type spelled with underscore', `${POST}Content_Type: application/json\r\nContent-Length: 2\r\n\r\n{}`, 400],
  ['content coding spelled with underscore', `${POST}Content_Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}`, 400],
  // What Connection may not take away (RFC 9110 §7.6.1)
  ['Authorization named in Connection', `${GET}Connection: close, Authorization\r\nAuthorization: Bearer a\r\n\r\n`, 400],
  ['Cookie named in Connection', `${GET}Connection: cookie\r\nCookie: a=b\r\n\r\n`, 400],
  ['X-Forwarded-For named in Connection', `${GET}Connection: X-Forwarded-For\r\n\r\n`, 400],
  ['X-Forwarded-Host named in Connection', `${GET}Connection: x-forwarded-host\r\n\r\n`, 400],
  ['X-Real-IP named in Connection', `${GET}Connection: close, x-real-ip\r\n\r\n`, 400],
  ['Content-Type named in Connection', `${POST}Connection: Content-Type\r\nContent-Type: a/b\r\nContent-Length: 2\r\n\r\n{}`, 400],
  ['Content-Encoding named in Connection', `${POST}Connection: content-encoding\r\nContent-Length: 2\r\n\r\n{}`, 400],
  ['Range named in Connection', `${GET}Connection: range\r\nRange: bytes=0-1\r\n\r\n`, 400],
  ['Origin named in Connection', `${GET}Connection: origin\r\nOrigin: http://a\r\n\r\n`, 400],
  // Request line and version (§3, §2.3)
  ['HTTP/0.9', 'GET /\r\n\r\n', 400],
  ['HTTP/1.2', 'GET / HTTP/1.2\r\nHost: a\r\n\r\n', 400],
  ['HTTP/2.0 in clear text', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 400],
  ['HTTP/01.1', 'GET / HTTP/01.1\r\nHost: a\r\n\r\n', 400],
  ['lower case version', 'GET / http/1.1\r\nHost: a\r\n\r\n', 400],
  ['no version number', 'GET / HTTP/\r\nHost: a\r\n\r\n', 400],
  ['another protocol', 'GET / ICAP/1.0\r\nHost: a\r\n\r\n', 400],
  ['space after version', 'GET / HTTP/1.1 \r\nHost: a\r\n\r\n', 400],
  ['tabs in request line', 'GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['unknown method', 'FOO / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['lower case method', 'get / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['blank before the method', ' GET / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['form feed in the request line', 'GET /\x0cHTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['CR ends the request line', 'GET / HTTP/1.1\rHost: a\r\n\r\n', 400],
  ['NUL before the method', '\0GET / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['no target', 'GET HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['HTTP/1.10', 'GET / HTTP/1.10\r\nHost: a\r\n\r\n', 400],
  ['HTTP/1,1', 'GET / HTTP/1,1\r\nHost: a\r\n\r\n', 400],
  ['HTTP/0.9 by name', 'GET / HTTP/0.9\r\nHost: a\r\n\r\n', 400],
  ['an answer', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', 400],
  ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
  ['TLS hello in clear text', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
  ['CONNECT', 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n', 405],
  ['h2c upgrade', `${GET}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`, 501],
  ['h2c behind websocket', `${GET}Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n\r\n`, 501],
  ['h2c in a line of its own', `${GET}Connection: Upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n\r\n`, 501],
  ['h2c in capitals', `${GET}Connection: upgrade\r\nUpgrade: H2C\r\n\r\n`, 501],
  ['h2c behind an empty one', `${GET}Connection: upgrade\r\nUpgrade: ,h2c\r\n\r\n`, 501],
  ['upgrade to HTTP', `${GET}Connection: upgrade\r\nUpgrade: websocket, HTTP/2.0\r\n\r\n`, 501],
  ['upgrade to TLS', `${GET}Connection: upgrade\r\nUpgrade: TLS/1.2\r\n\r\n`, 501],
  ['h2c in quotes', `${GET}Connection: upgrade\r\nUpgrade: "h2c"\r\n\r\n`, 501],
  ['h2c behind a blank', `${GET}Connection: upgrade\r\nUpgrade: websocket h2c\r\n\r\n`, 501],
  ['h2c behind a tab', `${GET}Connection: upgrade\r\nUpgrade: websocket,\th2c\r\n\r\n`, 501],
  ['upgrade of HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n', 501],
  ['TRACE', 'TRACE / HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\n\r\n', 405],
  ['HTTP/2 preface and SETTINGS', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0', 400],
  ['upgrade with a body', `${POST}Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc`, 400],
  ['upgrade with chunks', `${POST}Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  // Limits
  ['long target', `GET /${'a'.repeat(9000)} HTTP/1.1\r\nHost: a\r\n\r\n`, 414],
  ['large headers', `${GET}X: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
  ['many headers', `${GET}${'X: a\r\n'.repeat(150)}\r\n`, 431],
  ['expectation empty', `${POST}Expect:\r\nContent-Length: 1\r\n\r\na`, 417],
  ['expectation before a word', `${POST}Expect: 100-continue y\r\nContent-Length: 1\r\n\r\na`, 417],
  ['expectation in quotes', `${POST}Expect: "100-continue"\r\nContent-Length: 1\r\n\r\na`, 417],
  ['expectation behind a word', `${POST}Expect: y 100-continue\r\nContent-Length: 1\r\n\r\na`, 417],
  ['expectation list', `${POST}Expect: 100-continue, x\r\nContent-Length: 1\r\n\r\na`, 417],
  ['expectation twice, one other', `${POST}Expect: 100-continue\r\nExpect: x\r\nContent-Length: 1\r\n\r\na`, 417],
  ['unmet expectation', `${POST}Expect: 200-ok\r\nContent-Length: 1\r\n\r\na`, 417],
];

/** Valid messages that look odd: each must arrive, read in the one right way. */
const passed: readonly (readonly [name: string, bytes: string, seen: { method: string; url: string; body?: string }])[] = [
  ['plain GET', `${GET}\r\n`, { method: 'GET', url: '/' }],
  ['GET with body', `${GET}Content-Length: 3\r\n\r\nabc`, { method: 'GET', url: '/', body: 'abc' }],
  ['POST with CL', `${POST}Content-Length: 3\r\n\r\nabc`, { method: 'POST', url: '/', body: 'abc' }],
  ['POST with CL 0', `${POST}Content-Length: 0\r\n\r\n`, { method: 'POST', url: '/', body: '' }],
  ['POST without body', `${POST}\r\n`, { method: 'POST', url: '/', body: '' }],
  ['CL with leading zeros', `${POST}Content-Length: 003\r\n\r\nabc`, { method: 'POST', url: '/', body: 'abc' }],
  ['chunked', `${CHUNKED}3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n`, { method: 'POST', url: '/', body: 'abcde' }],
  ['TE in capitals', `${POST}Transfer-Encoding: CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n`, { method: 'POST', url: '/', body: 'abc' }],
  ['chunk extension', `${CHUNKED}3;a=b;c="d"\r\nabc\r\n0\r\n\r\n`, { method: 'POST', url: '/', body: 'abc' }],
  ['chunk size with zeros', `${CHUNKED}0003\r\nabc\r\n0\r\n\r\n`, { method: 'POST', url: '/', body: 'abc' }],
  ['chunk size in capitals', `${CHUNKED}A\r\n0123456789\r\n0\r\n\r\n`, { method: 'POST', url: '/', body: '0123456789' }],
  ['trailer', `${CHUNKED}3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n`, { method: 'POST', url: '/', body: 'abc' }],
  ['value with spaces around', 'GET / HTTP/1.1\r\nHost: \t a \t\r\nX:y\r\n\r\n', { method: 'GET', url: '/' }],
  ['value with 8 bit', `${GET}X: caf\xe9\r\n\r\n`, { method: 'GET', url: '/' }],
  ['empty value', `${GET}X:\r\n\r\n`, { method: 'GET', url: '/' }],
  ['leading empty lines', `\r\n\r\n${GET}\r\n`, { method: 'GET', url: '/' }],
  ['absolute-form for the same host', 'GET http://a/x?y HTTP/1.1\r\nHost: a\r\n\r\n', { method: 'GET', url: '/x?y' }],
  ['absolute-form without path', 'GET http://a?y HTTP/1.1\r\nHost: a\r\n\r\n', { method: 'GET', url: '/?y' }],
  ['Host with port', 'GET / HTTP/1.1\r\nHost: a:8080\r\n\r\n', { method: 'GET', url: '/' }],
  ['Host IPv6', 'GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n', { method: 'GET', url: '/' }],
  ['HTTP/1.0 without Host', 'GET /old HTTP/1.0\r\n\r\n', { method: 'GET', url: '/old' }],
  ['valid escapes', 'GET /caf%C3%A9/%2F?a=%zz HTTP/1.1\r\nHost: a\r\n\r\n', { method: 'GET', url: '/caf%C3%A9/%2F?a=%zz' }],
  ['dot segments within a service', 'GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n', { method: 'GET', url: '/a/../b' }],
  ['empty segments', 'GET //a//b HTTP/1.1\r\nHost: a\r\n\r\n', { method: 'GET', url: '//a//b' }],
  [
    'odd but legal characters',
    "GET /a;b=c,d!$&'()*+:@-._~?x[]=|{} HTTP/1.1\r\nHost: a\r\n\r\n",
    { method: 'GET', url: "/a;b=c,d!$&'()*+:@-._~?x[]=|{}" },
  ],
  ['Connection names a header', `${GET}Connection: close, X-Hop\r\nX-Hop: 1\r\n\r\n`, { method: 'GET', url: '/' }],
  ['Upgrade without Connection', `${GET}Upgrade: h2c\r\n\r\n`, { method: 'GET', url: '/' }],
  [
    'GET whose body is a request (CL.0)',
    `${GET}Content-Length: 38\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n`,
    { method: 'GET', url: '/', body: 'GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n' },
  ],
  [
    'chunk that is a request (TE.0)',
    `OPTIONS / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n26\r\nGET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n\r\n0\r\n\r\n`,
    { method: 'OPTIONS', url: '/', body: 'GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n' },
  ],
  ['TE behind blanks', `${POST}Transfer-Encoding:   chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`, { method: 'POST', url: '/', body: 'abc' }],
  ['100-continue', `${POST}Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc`, { method: 'POST', url: '/', body: 'abc' }],
  ['last chunk of many zeros', `${CHUNKED}3\r\nabc\r\n000\r\n\r\n`, { method: 'POST', url: '/', body: 'abc' }],
  // What the parser forgives goes on in the one strict spelling.
  ['two blanks before the target', 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n', { method: 'GET', url: '/' }],
  ['two blanks before the version', 'GET /  HTTP/1.1\r\nHost: a\r\n\r\n', { method: 'GET', url: '/' }],
  ['RTSP by name', 'OPTIONS / RTSP/1.0\r\nHost: a\r\n\r\n', { method: 'OPTIONS', url: '/' }],
  ['a rare method', 'REPORT / HTTP/1.1\r\nHost: a\r\n\r\n', { method: 'REPORT', url: '/' }],
  ['blanks around a length', `${POST}Content-Length: \t3 \r\n\r\nabc`, { method: 'POST', url: '/', body: 'abc' }],
  ['absolute-form in capitals', 'GET HTTP://A/x HTTP/1.1\r\nHost: a\r\n\r\n', { method: 'GET', url: '/x' }],
  ['fully qualified Host', 'GET / HTTP/1.1\r\nHost: a.\r\n\r\n', { method: 'GET', url: '/' }],
  [
    'a body of HTTP/1.0 without length is none',
    'POST /x HTTP/1.0\r\n\r\nGET /smuggled HTTP/1.0\r\n\r\n',
    { method: 'POST', url: '/x', body: '' },
  ],
  [
    'GET whose body waits for 100 (Expect)',
    `${GET}Expect: 100-continue\r\nContent-Length: 38\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n`,
    { method: 'GET', url: '/', body: 'GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n' },
  ],
  [
    'HEAD whose body is a request',
    `HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 38\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n`,
    { method: 'HEAD', url: '/', body: 'GET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n' },
  ],
  ['Expect without a body', `${GET}Expect: 100-continue\r\n\r\n`, { method: 'GET', url: '/', body: '' }],
  ['matrix parameters', 'GET /map;lat=1;lon=2/tile HTTP/1.1\r\nHost: a\r\n\r\n', { method: 'GET', url: '/map;lat=1;lon=2/tile' }],
  ['needless escapes', 'GET /%7Euser/%41 HTTP/1.1\r\nHost: a\r\n\r\n', { method: 'GET', url: '/%7Euser/%41' }],
  ['DELETE with body', 'DELETE /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}', { method: 'DELETE', url: '/x', body: '{}' }],
];

/** Sends raw bytes and returns what came back until the other side closes or is quiet with a whole answer. */
async function send(port: number, bytes: string, answers = 1): Promise<string> {
  const socket = net.connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(Buffer.from(bytes, 'latin1'));
  let answer = '';
  await new Promise<void>((resolve) => {
    const patience = setTimeout(resolve, 1500);
    socket.on('data', (chunk) => {
      answer += chunk.toString('latin1');
      const head = answer.lastIndexOf('\r\n\r\n');
      const lengths = [...answer.matchAll(/content-length: (\d+)/gi)];
      if (head >= 0 && lengths.length === answers && answer.length >= head + 4 + Number(lengths.at(-1)?.[1])) done();
    });
    const done = () => {
      clearTimeout(patience);
      resolve();
    };
    socket.on('close', done);
  });
  socket.destroy();
  return answer;
}

t.test('messages with two readings', async (t) => {
  const reached: string[] = [];
  const upstream = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      reached.push(chunk.toString('latin1'));
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const gateway = await createGateway(
    {
      listeners: [{ host: '127.0.0.1', port: 0 }],
      services: [
        { name: 'all', upstreams: [url], mode: 'enforce' },
        { name: 'public', upstreams: [url], pathPrefix: '/public' },
      ],
    },
    trivialPorts(),
  );
  const [{ port }] = await gateway.listen();
  t.ok(refused.length >= 80, `${refused.length} messages`);
  for (const [name, bytes, status] of refused) {
    reached.length = 0;
    const answer = await send(port, bytes);
    t.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), name);
    t.same(reached, [], `${name}: nothing reached the upstream`);
    t.equal(answer.match(/HTTP\/1\.1 /g)?.length, 1, `${name}: one answer`);
  }
  const faults = gateway.stats().faults;
  t.ok(faults.MESSAGE_MALFORMED > 50 && faults.MESSAGE_AMBIGUOUS > 5 && faults.HEADERS_TOO_LARGE === 2, 'each is counted under its code');
  await gateway.close(100);
  upstream.close();
});

t.test('a valid message behind garbage is not mixed up with it', async (t) => {
  const seen: string[] = [];
  const upstream = http.createServer((req, res) => {
    seen.push(`${req.method} ${req.url}`);
    res.end('ok');
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const gateway = await createGateway(
    {
      listeners: [{ host: '127.0.0.1', port: 0 }],
      services: [{ name: 'all', upstreams: [`http://127.0.0.1:${(upstream.address() as AddressInfo).port}`] }],
    },
    trivialPorts(),
  );
  const [{ port }] = await gateway.listen();
  await send(port, `${POST}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`);
  await send(port, `${POST}Content-Length: 3\r\n\r\nabcGARBAGE`);
  t.notMatch(seen.join(), 'smuggled');
  t.ok(seen.length <= 1, 'nothing after the refused bytes is read');
  seen.length = 0;
  const both = await send(port, `${POST}Content-Length: 3\r\n\r\nabcGET /second HTTP/1.1\r\nHost: a\r\n\r\n`, 2);
  await gateway.close(500);
  t.same(seen.sort(), ['GET /second', 'POST /'], 'pipelined requests both arrive');
  t.match(both, /^HTTP\/1\.1 200/);
  upstream.close();
});

t.test('what a client says only to the next hop, or may not say at all, ends here', async (t) => {
  const seen: string[] = [];
  const upstream = net.createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      seen.push(chunk.toString('latin1'));
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
    });
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const url = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
  const judged: HeaderList[] = [];
  const gateway = await createGateway(
    { listeners: [{ host: '127.0.0.1', port: 0 }], services: [{ name: 'all', upstreams: [url] }] },
    trivialPorts({ tee: { publish: ({ request }) => judged.push(request.headers) > 0 } }),
  );
  const [{ port }] = await gateway.listen();
  const table: readonly (readonly [name: string, bytes: string, gone: RegExp, kept?: RegExp])[] = [
    ['hop-by-hop fields', `${GET}Connection: close, X-Key\r\nX-Key: 1\r\nX-Other: 1\r\n\r\n`, /x-key/i, /X-Other: 1/],
    ['HTTP2-Settings alone', `${GET}HTTP2-Settings: AAA\r\n\r\n`, /settings/i],
    ['Proxy (httpoxy)', `${GET}Proxy: http://evil\r\n\r\n`, /evil/],
    ['another path', `${GET}X-Original-URL: /admin\r\nX-Rewrite-URL: /admin\r\nX_Original_URL: /admin\r\n\r\n`, /admin/],
    ['another method of another proxy', `${GET}X-Forwarded-Method: DELETE\r\nX-Original-Method: DELETE\r\n\r\n`, /DELETE/],
    ['another host', `${GET}X-Host: evil\r\nX-Original-Host: evil\r\nX-Forwarded-Server: evil\r\n\r\n`, /evil/],
    [
      'claims twice',
      `${GET}X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 6.6.6.7\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Host: evil\r\n\r\n`,
      /6\.6\.6|evil/,
    ],
    ['Expect', `${POST}Expect: 100-Continue\r\nContent-Length: 2\r\n\r\nok`, /expect/i, /\r\n\r\nok$/],
    ['length of many zeros', `${POST}Content-Length: 0000\r\n\r\n`, /0000/, /Content-Length: 0\r\n/i],
    [
      'trailers that speak of the head',
      `${CHUNKED}0\r\nAuthorization: evil\r\nHost: evil\r\nCookie: evil\r\nX-Forwarded-For: evil\r\nContent_Length: 5\r\nX-Original-URL: /evil\r\nX-Ok: 1\r\n\r\n`,
      /evil|content_length/i,
      /0\r\nX-Ok: 1\r\n\r\n$/,
    ],
    ['one hop less', 'OPTIONS /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 3\r\n\r\n', /forwards: 3/i, /Max-Forwards: 2/],
    ['Max-Forwards of another method', `${GET}Max-Forwards: 0\r\n\r\n`, /smuggled/, /Max-Forwards: 0/],
  ];
  for (const [name, bytes, gone, kept] of table) {
    seen.length = 0;
    t.match(await send(port, bytes), /HTTP\/1\.1 200 /, name);
    t.notMatch(seen.join(''), gone, `${name}: gone`);
    t.match(seen.join(''), kept ?? /HTTP\/1\.1/, `${name}: the rest arrives`);
  }
  t.notOk(judged[0].includes('X-Key'), 'rules do not see what the upstream does not get either');
  seen.length = 0;
  for (const bytes of [
    'OPTIONS /x HTTP/1.1\r\nHost: a\r\nMax-Forwards: 0\r\n\r\n',
    `OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 38\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: evil\r\n\r\n`,
  ])
    t.match(await send(port, bytes), /^HTTP\/1\.1 200 OK\r\nallow: /, 'answered by the gateway itself');
  t.same(seen, [], 'and by nobody else');
  for (const bytes of ['POST / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nok'])
    t.match(await send(port, bytes), /^HTTP\/1\.1 200 /, 'HTTP/1.0 gets no interim answer');
  await gateway.close(100);
  upstream.close();
});

t.test('valid messages arrive as they are meant', async (t) => {
  let seen: { method?: string; url?: string; body: string; headers: http.IncomingHttpHeaders } | null = null;
  const upstream = http.createServer((req, res) => {
    let body = '';
    req.on('data', (chunk) => {
      body += chunk;
    });
    req.on('end', () => {
      seen = { method: req.method, url: req.url, body, headers: req.headers };
      res.end('ok');
    });
  });
  upstream.listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const gateway = await createGateway(
    {
      listeners: [{ host: '127.0.0.1', port: 0 }],
      services: [{ name: 'all', upstreams: [`http://127.0.0.1:${(upstream.address() as AddressInfo).port}`] }],
    },
    trivialPorts(),
  );
  const [{ port }] = await gateway.listen();
  for (const [name, bytes, expected] of passed) {
    seen = null;
    const answer = await send(port, bytes);
    t.match(answer, /^(?:HTTP\/1\.1 100 Continue\r\n\r\n)?HTTP\/1\.1 200 /, name);
    t.match(seen, { body: '', ...expected }, `${name}: as it was meant`);
    t.notOk((seen as { headers: http.IncomingHttpHeaders } | null)?.headers['x-hop'], 'hop-by-hop headers end here');
  }
  await gateway.close(100);
  upstream.close();
});
