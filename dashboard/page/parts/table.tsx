import type { ComponentChildren } from 'preact';

export interface Column<Row> {
  readonly head: ComponentChildren;
  readonly cell: (row: Row) => ComponentChildren;
  readonly class?: string;
  readonly title?: (row: Row) => string;
}

/** A table with one line for each row. Columns of the class `number` are aligned to the right. */
export function Table<Row>(props: {
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row) => string | number;
  class?: string;
}) {
  const { columns } = props;
  return (
    <table class={props.class}>
      <thead>
        <tr>
          {columns.map((column, index) => (
            <th scope="col" key={index} class={column.class === 'number' ? 'number' : undefined}>
              {column.head}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {props.rows.map((row) => (
          <tr key={props.keyOf(row)}>
            {columns.map((column, index) => (
              <td key={index} class={column.class} title={column.title?.(row)}>
                {column.cell(row)}
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
