/**
 * The page in Typst. The document comes as data and stays data: text of a document is never read as markup. Hashes and
 * ids in a cell are set smaller and may break at their hyphens, which no hyphenation knows.
 */
export const template = `
#let doc = json(bytes(sys.inputs.document))
#let (year, month, day, hour, minute, second) = doc.made
#set document(title: doc.title,
  date: datetime(year: year, month: month, day: day, hour: hour, minute: minute, second: second))
#set text(font: ("Noto Sans", "Noto Sans Arabic"), fallback: false, size: 10pt, lang: doc.language,
  dir: if doc.direction == "rtl" { rtl } else { ltr })
#set page(paper: "a4", margin: (x: 18mm, y: 20mm), numbering: "1 / 1")
#set par(leading: 0.7em, justify: false)
#show heading: set block(above: 1.4em, below: 0.7em)
#let words(text) = text.split("\\n").join(linebreak())
#let long = regex("[A-Za-z0-9_+/=.-]{24,}")
#set table.cell(breakable: false)
#let cell(value) = {
  set text(hyphenate: true)
  show long: found => text(size: 8pt, found.text.replace("-", "-\\u{200b}"))
  words(value)
}
#let cells(row) = row.map(cell)

#heading(level: 1, words(doc.title))
#for part in doc.blocks {
  set text(lang: part.at("language", default: doc.language),
    dir: if part.at("direction", default: doc.direction) == "rtl" { rtl } else { ltr })
  if part.kind == "heading" { heading(level: 2, words(part.text)) }
  else if part.kind == "paragraph" { par(words(part.text)) }
  else if part.kind == "note" { block(stroke: 0.8pt, inset: 8pt, width: 100%, words(part.text)) }
  else if part.kind == "facts" {
    for row in part.rows { par(hanging-indent: 1em, spacing: 0.6em, strong(words(row.at(0) + ": ")) + words(row.at(1))) }
  }
  else if part.kind == "table" {
    table(
      columns: part.widths.map(share => share * 1fr), inset: 5pt, stroke: 0.5pt + luma(90),
      align: start, fill: (_, y) => if y == 0 { luma(235) },
      table.header(..part.heads.map(head => strong(cell(head)))),
      ..part.rows.map(cells).flatten(),
    )
  }
}
`;
