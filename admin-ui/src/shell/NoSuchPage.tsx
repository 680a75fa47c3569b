import { Link } from '@tanstack/react-router';
import { Empty } from '../parts/Await.tsx';

export function NoSuchPage() {
  return (
    <Empty title="There is no such page" action={<Link to="/">Go to the overview</Link>}>
      The address may be mistyped, or come from another version of weir.
    </Empty>
  );
}
