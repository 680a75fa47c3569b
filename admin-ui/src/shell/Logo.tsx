export function Logo() {
  return (
    <span className="logo">
      <img src="/weir.svg" width={26} height={26} alt="" />
      <span>weir</span>
    </span>
  );
}
