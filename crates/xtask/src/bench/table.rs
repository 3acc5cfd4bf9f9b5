//! Results as tables.

use super::{Cell, contender::Contender, measure::Measured, work::Work};

/// A row: the cells of all servers for the same work.
type Row<'a> = Vec<&'a Cell>;

/// All tables, and what went wrong.
pub(super) fn tables(cells: &[Cell], faults: &[String]) -> String {
    let (idle, loaded): (Vec<Row<'_>>, Vec<Row<'_>>) =
        rows(cells).into_iter().partition(|row| row[0].work.is_idle());
    let mut tables = Vec::new();
    if !loaded.is_empty() {
        let cpu = |run: &Measured| run.server.cpu_seconds_per_million;
        tables.push(table(
            "CPU-seconds of the server per million deliveries; how many times the bare loop, and \
             how many times nchan",
            &loaded,
            |row, cell| with_ratios(row, cell, &[Contender::BareLoop, Contender::Nchan], cpu),
        ));
        let last = |run: &Measured| run.last_viewer_ms.p99;
        tables.push(table(
            "Milliseconds until the last viewer has an update, p99; how many times nchan",
            &loaded,
            |row, cell| with_ratios(row, cell, &[Contender::Nchan], last),
        ));
        tables.push(table("Thousand deliveries a second", &loaded, |_, cell| {
            number(median(cell, |run| Some(run.deliveries.per_second / 1e3)), 1)
        }));
        tables.push(table("Bytes on the wire per delivery", &loaded, |_, cell| {
            number(median(cell, |run| run.deliveries.bytes_each), 0)
        }));
        tables.push(table("CPU-seconds of the load per million deliveries", &loaded, |_, cell| {
            number(median(cell, |run| run.bench.cpu_seconds_per_million), 1)
        }));
    }
    if !idle.is_empty() {
        let kilobytes = |run: &Measured| Some(run.server.memory_bytes_per_viewer as f64 / 1024.0);
        tables.push(table(
            "Kilobytes of memory (PSS) per viewer; how many times nchan",
            &idle,
            |row, cell| with_ratios(row, cell, &[Contender::Nchan], kilobytes),
        ));
    }
    let missed = cells.iter().flat_map(notes);
    let failed = faults.iter().map(|fault| format!("* {fault}"));
    let notes: Vec<String> = missed.chain(failed).collect();
    if !notes.is_empty() {
        tables.push(format!("What went wrong:\n\n{}\n", notes.join("\n")));
    }
    tables.join("\n")
}

/// What a reader has to know about the numbers of a cell.
fn notes(cell: &Cell) -> Vec<String> {
    let what = format!("* {}, {}, {} B", cell.contender.name(), cell.work.title, cell.bytes);
    let runs = || cell.runs.iter().flatten();
    let gone = runs().map(|run| &run.viewers).max_by_key(|viewers| viewers.gone());
    let gone = gone.filter(|viewers| viewers.gone() > 0).map(|viewers| {
        format!("{what}: {} viewers were refused or lost: {}", viewers.gone(), viewers.fault())
    });
    // Whoever was lost never got it either.
    let missing = runs().map(|run| run.deliveries.missing.saturating_sub(run.viewers.gone())).max();
    let missing = missing.filter(|missing| *missing > 0);
    let missing =
        missing.map(|missing| format!("{what}: {missing} viewers never got the last frame"));
    gone.into_iter().chain(missing).collect()
}

fn rows(cells: &[Cell]) -> Vec<Row<'_>> {
    let same =
        |one: &Cell, other: &Cell| one.work.name == other.work.name && one.bytes == other.bytes;
    cells.chunk_by(same).map(|row| row.iter().collect()).collect()
}

fn table(title: &str, rows: &[Row<'_>], show: impl Fn(&Row<'_>, &Cell) -> String) -> String {
    let line = |words: Vec<String>| format!("| {} |\n", words.join(" | "));
    let columns = rows.first().map(|row| row.iter().map(|cell| cell.contender.name().to_owned()));
    let columns: Vec<String> = columns.into_iter().flatten().collect();
    let head = ["work".to_owned(), "picture".to_owned()].into_iter().chain(columns.iter().cloned());
    let rule = ["---".to_owned(), "--:".to_owned()]
        .into_iter()
        .chain(columns.iter().map(|_| "--:".to_owned()));
    let mut text = format!("**{title}**\n\n{}{}", line(head.collect()), line(rule.collect()));
    for row in rows {
        let Work { title, .. } = row[0].work;
        let what = [(*title).to_owned(), format!("{} B", row[0].bytes)];
        let cells = row.iter().map(|cell| show(row, cell));
        text.push_str(&line(what.into_iter().chain(cells).collect()));
    }
    text
}

/// The value in the middle of all rounds.
fn median(cell: &Cell, value: impl Fn(&Measured) -> Option<f64>) -> Option<f64> {
    middle(cell.runs.iter().flatten().filter_map(value).collect())
}

fn middle(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The median, and those of the ratios to others in the same round.
fn with_ratios(
    row: &Row<'_>,
    cell: &Cell,
    to: &[Contender],
    value: impl Fn(&Measured) -> Option<f64>,
) -> String {
    let Some(own) = median(cell, &value) else { return number(None, 1) };
    let in_round = |(one, other): (&Option<Measured>, &Option<Measured>)| {
        Some(value(one.as_ref()?)? / value(other.as_ref()?)?)
    };
    let ratio = |to: &Contender| {
        let other = row.iter().find(|cell| cell.contender == *to)?;
        if cell.contender == *to {
            return Some("1".to_owned());
        }
        let ratios = cell.runs.iter().zip(&other.runs).filter_map(in_round).collect();
        Some(number(middle(ratios), 2))
    };
    let ratios: Vec<String> = to.iter().filter_map(ratio).collect();
    match ratios.is_empty() {
        true => format!("{own:.1}"),
        false => format!("{own:.1} ({})", ratios.join("; ")),
    }
}

fn number(number: Option<f64>, digits: usize) -> String {
    number.map_or_else(|| "–".to_owned(), |number| format!("{number:.digits$}"))
}

#[cfg(test)]
mod tests {
    use super::{super::work::WORKS, *};

    fn cell(contender: Contender, cpu: &[f64]) -> Cell {
        let run = |cpu: &f64| {
            let json = serde_json::json!({
                "viewers": { "failed": 0, "lost": 0, "fault": null },
                "deliveries": { "per_second": 50_000.0, "missing": 0, "bytes_each": null },
                "last_viewer_ms": { "p99": 12.5 },
                "bench": { "cpu_seconds_per_million": 5.0 },
                "server": { "cpu_seconds_per_million": cpu, "memory_bytes_per_viewer": 2048 }
            });
            serde_json::from_value(json).ok()
        };
        Cell { work: &WORKS[0], bytes: 200, contender, runs: cpu.iter().map(run).collect() }
    }

    #[test]
    fn ratios_are_those_of_a_round_and_what_failed_is_a_dash() {
        let mut failed = cell(Contender::Nchan, &[]);
        failed.runs.push(None);
        let cells = [
            cell(Contender::BareLoop, &[2.0, 4.0, 3.0]),
            cell(Contender::Easel, &[3.0, 6.0, 30.0]),
            failed,
        ];
        let tables = tables(&cells, &["rate: nchan: gone".to_owned()]);
        let expected = "| work | picture | bare loop | Easel | nchan |\n| --- | --: | --: | --: | --: |\n\
                        | 1,000 viewers, 10 updates/s | 200 B | 3.0 (1; –) | 6.0 (1.50; –) | – |\n";
        assert!(tables.contains(expected), "{tables}");
        assert!(tables.contains("| 12.5 (–) | 12.5 (–) | – |"), "{tables}");
        assert!(tables.ends_with("* rate: nchan: gone\n"), "{tables}");
        assert!(!tables.contains("memory"), "{tables}");
    }
}
