//! The tables of `docs/reference` name tests, and the tests are there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The names of the functions in the Rust files under a folder.
fn functions_under(folder: &str) -> BTreeSet<String> {
    let (mut folders, mut names) = (vec![root().join(folder)], BTreeSet::new());
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).expect("a folder of the repository");
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                names.extend(functions_in(&fs::read_to_string(&path).expect("text")));
            }
        }
    }
    names
}

fn functions_in(text: &str) -> impl Iterator<Item = String> {
    let declared = text.lines().filter_map(|line| line.split_once("fn ").map(|(_, name)| name));
    let names = declared.filter_map(|name| name.split(['(', '<']).next());
    names.map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// The rows of a document's table, without its head, as cells.
fn rows(document: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join("docs/reference").join(document)).expect("a page");
    let lines = text.lines().filter(|line| line.starts_with("| ") && line.ends_with(" |"));
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    lines.skip(1).map(cells).map(|cells| cells[1..cells.len() - 1].to_vec()).collect()
}

/// The names in backquotes that look like a test's.
fn tests_named(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn every_quirk_test_is_in_the_table_and_the_other_way_round() {
    let rows = rows("quirks.md");
    let listed: Vec<_> =
        rows.iter().flat_map(|row| tests_named(&row[3]).map(str::to_owned)).collect();
    let tests: BTreeSet<_> = functions_under("tests/it/quirks")
        .into_iter()
        .filter(|name| name.starts_with("quirk_"))
        .collect();
    assert_eq!(listed.iter().cloned().collect::<BTreeSet<_>>(), tests);
    assert_eq!(listed.len(), tests.len(), "a test is listed twice");
}

#[test]
fn every_row_of_the_security_matrix_is_in_the_table_with_tests_that_exist() {
    let tests: BTreeSet<_> = ["tests/it", "crates"].into_iter().flat_map(functions_under).collect();
    let rows = rows("security-tests.md");
    let listed: Vec<_> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(listed, MATRIX);
    for row in &rows {
        for name in tests_named(&row[2]) {
            assert!(tests.contains(name), "{}: there is no test {name}", row[0]);
        }
        let covered = tests_named(&row[2]).next().is_some() || row[2].starts_with("none: ");
        assert!(covered, "{} names neither a test nor why there is none", row[0]);
    }
}

/// The rows of the matrix: addresses inside, hostile metadata, callbacks, the gateway.
const MATRIX: [&str; 78] = [
    "S01", "S02", "S03", "S05", "S06", "S07", "S09", "S10", "S11", "S13", "S14", "S15", "S17",
    "S18", "S19", "S21", "S22", "S23", "S25", "S26", "S27", "S29", "S30", "S31", "S33", "S34",
    "S35", "M02", "M03", "M04", "M11", "M12", "M13", "M15", "M16", "M17", "M19", "M20", "M21",
    "M23", "M24", "M25", "C02", "C03", "C04", "C06", "C07", "C08", "C10", "C11", "C12", "C14",
    "C15", "C16", "C18", "C19", "C20", "C22", "C23", "C24", "G02", "G03", "G04", "G06", "G07",
    "G08", "G10", "G11", "G12", "G14", "G15", "G16", "G18", "G19", "G20", "G22", "G23", "G24",
];
