//! What a user sees on a terminal of 80 columns, while the programs run and at their end. No kernel, no LVM, no
//! root.

use std::fs;
use std::num::NonZero;
use std::path::Path;
use std::process::{Command, Stdio};

use system_tests::programs;
use thinmeta::testing::{Pool, Random, Shape};

const COLUMNS: u16 = 80;

/// A terminal of 24 lines.
fn terminal(columns: u16) -> vt100::Parser {
    let number = |number| NonZero::new(number).unwrap();
    vt100::Parser::new(number(24), number(columns), 0)
}

/// Runs a line on a terminal; yields all that was written to it.
fn on_a_terminal(folder: &Path, line: &str) -> Vec<u8> {
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", programs::dir().unwrap().display());
    let line = format!("stty cols {COLUMNS} rows 24; {line}");
    let mut command = Command::new("script");
    command.args(["--quiet", "--return", "--flush", "--command", &line, "typescript"]);
    command.env("PATH", path).env("TERM", "xterm").env("SHELL", "/bin/bash").current_dir(folder);
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
    let typescript = fs::read(folder.join("typescript")).unwrap();
    assert!(status.success(), "{}", String::from_utf8_lossy(&typescript));
    // The first and the last line are script's own.
    let begin = typescript.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let end = typescript.windows(13).rposition(|window| window == b"\nScript done ").unwrap();
    typescript[begin..end].to_vec()
}

/// The lines of the screen in the end, and all bars that were on it at any time, each with how many there were.
fn watch(bytes: &[u8]) -> (Vec<String>, Vec<(String, usize)>) {
    let mut terminal = self::terminal(COLUMNS);
    let mut bars = Vec::new();
    let lines = |terminal: &vt100::Parser| -> Vec<String> {
        let rows = terminal.screen().rows(0, COLUMNS);
        rows.filter(|row| !row.trim().is_empty()).collect()
    };
    for byte in bytes {
        terminal.process(&[*byte]);
        let shown = lines(&terminal);
        let on: Vec<_> =
            shown.iter().filter(|line| line.contains(": ") && line.contains(" [")).collect();
        if let Some(first) = on.first() {
            bars.push(((*first).clone(), on.len()));
        }
    }
    (lines(&terminal), bars)
}

/// A pool's metadata and data, with a volume of this size.
fn pool(folder: &Path, mebibytes: u64) {
    let mut pool = Pool::new(Shape::default());
    let blocks = mebibytes << 20 >> 16;
    pool.create_volume(1, blocks, &mut Random::new(1));
    fs::write(folder.join("metadata"), pool.image()).unwrap();
    let piece: Vec<u8> = (0..1 << 20).map(|at| (at / 777) as u8 | 1).collect();
    let content = piece.repeat(2 * mebibytes as usize);
    fs::write(folder.join("data"), content).unwrap();
}

#[test]
fn one_of_two_programs_draws_and_both_have_the_last_word() {
    let folder = tempfile::tempdir().unwrap();
    pool(folder.path(), 32);
    let line = "lvdiff --bwlimit 8M --metadata metadata --data data 1 | lvpatch --device image";
    let (screen, bars) = watch(&on_a_terminal(folder.path(), line));
    assert!(!bars.is_empty(), "no bar was drawn");
    for (bar, count) in &bars {
        assert_eq!(*count, 1, "{bar}");
        assert!(!bar.contains("0 bytes/s") && !bar.contains(" 0 s left"), "{bar}");
    }
    assert!(bars.iter().any(|(bar, _)| bar.contains("MiB/s, ")), "{:?}", bars.last());
    let text = screen.concat();
    assert!(!text.contains("[="), "{screen:#?}");
    for word in ["lvdiff: \"metadata\" nothing -> ", "SHA1: ", "lvpatch: image: "] {
        assert!(screen.iter().any(|line| line.starts_with(word)), "{word}: {screen:#?}");
    }
}

#[test]
fn an_error_stands_on_a_line_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    pool(folder.path(), 12);
    let line = "lvdiff --bwlimit 8M --metadata metadata --data data 1 | head -c 8M | lvpatch --verify; true";
    let (screen, _) = watch(&on_a_terminal(folder.path(), line));
    for word in ["lvdiff: ", "lvpatch: "] {
        assert!(screen.iter().any(|line| line.starts_with(word)), "{word}: {screen:#?}");
    }
    assert!(!screen.concat().contains("[="), "{screen:#?}");
}

#[test]
fn a_narrow_terminal_cuts_the_bar_off() {
    let folder = tempfile::tempdir().unwrap();
    pool(folder.path(), 4);
    let line = "stty cols 30; lvdiff -q --progress always --bwlimit 2M --metadata metadata --data data 1 > full";
    let bytes = on_a_terminal(folder.path(), line);
    let mut terminal = terminal(30);
    for byte in bytes {
        terminal.process(&[byte]);
        assert!(terminal.screen().rows(0, 30).skip(1).all(|row| row.trim().is_empty()));
    }
}

#[test]
fn a_summary_fits_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    pool(folder.path(), 12);
    for columns in [80, 50] {
        let line = format!("stty cols {columns}; lvdiff --metadata metadata --summary 1");
        let text = String::from_utf8(on_a_terminal(folder.path(), &line)).unwrap();
        let map = text.lines().find(|line| line.starts_with('[')).unwrap();
        assert_eq!(map.trim_end().len(), columns, "{text}");
        let most = if columns == 80 { 80 } else { 70 };
        assert!(text.lines().all(|line| line.trim_end().len() <= most), "{text}");
    }
}
