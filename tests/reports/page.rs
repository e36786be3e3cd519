//! The report as a page: what stands in it, that it needs nothing else, that nothing that a log says
//! does anything there, and how a real browser shows it.

use super::Place;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Writes the page of a report and gives its text.
fn page(place: &Place, words: &[&str]) -> String {
    let (_, _, told) = place.replay(&[words, &["--html", "report.html"]].concat());
    let path = place.root.join("report.html");
    assert!(path.exists(), "{told}");
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    fs::read_to_string(path).unwrap()
}

/// A browser without a window; `None` where there is none.
fn chromium() -> Option<PathBuf> {
    let found = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
    let found = found.into_iter().map(PathBuf::from).find(|path| path.exists());
    if found.is_none() {
        eprintln!("skipped: no `chromium` (Debian: chromium)");
    }
    found
}

/// What the browser prints for a page, and what it has to say about it.
fn browse(browser: &Path, page: &Path, words: &[&str]) -> (String, String) {
    let profile = tempfile::tempdir().unwrap();
    let ran = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-sync"])
        .args(["--enable-logging=stderr", "--hide-scrollbars", "--virtual-time-budget=5000"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(words)
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (text(ran.stdout), text(ran.stderr))
}

/// What the page's own console said.
fn console(told: &str) -> Vec<&str> {
    told.lines().filter(|line| line.contains("CONSOLE")).collect()
}

#[test]
fn the_page_says_what_the_terminal_says_and_loads_nothing() {
    let place = Place::new(60);
    let text = page(&place, &["--against", "tried"]);
    let (_, said, _) = place.replay(&["--against", "tried"]);
    let conclusion = said.lines().skip_while(|line| !line.starts_with("3 of 3 newly"));
    let conclusion = conclusion.collect::<Vec<_>>().join(" ").replace('`', "");
    let words = text.replace("<code>", "").replace("</code>", "");
    assert!(words.contains(&conclusion), "{conclusion}");
    for part in [
        "window <code>20 within 5m</code>, now <code>5 within 5m</code>",
        "<bdi>198.51.100.7</bdi>",
        "likely customer",
        "default-src 'none'",
        "<svg",
        "aria-label=\"Requests ",
    ] {
        assert!(text.contains(part), "{part}");
    }
    for outside in
        ["src=", "href=\"http", "url(", "@import", "style=\"", "onclick", "<img", "<link"]
    {
        assert!(!text.contains(outside), "{outside}");
    }
    // A page takes the place of an older one, and of nothing else.
    let log = fs::read_to_string(place.root.join("access.log")).unwrap();
    page(&place, &["--report"]);
    let (code, _, told) = place.replay(&["--report", "--html", "access.log"]);
    assert_eq!((code, told.contains("is no report of ours")), (2, true), "{told}");
    assert_eq!(fs::read_to_string(place.root.join("access.log")).unwrap(), log);
    let (code, _, told) = place.replay(&["--html", "rules"]);
    assert_eq!((code, told.contains("`rules` is a folder")), (2, true), "{told}");
}

#[test]
fn a_page_that_cant_be_written_takes_nothing_with_it() {
    let place = Place::new(20);
    // No file can be made there, whoever asks; it is told before any log is read.
    let (code, said, told) = place.replay(&["--report", "--html", "/proc/report.html"]);
    assert_eq!((code, said.as_str()), (2, ""), "{told}");
    assert!(told.contains("failed to write `/proc/report.html`"), "{told}");

    fs::create_dir(place.root.join("pages")).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_riposte"))
        .args(["replay", "-", "--rules", "rules", "--against", "tried"])
        .args(["--html", "pages/report.html"])
        .current_dir(&place.root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = fs::read(place.root.join("access.log")).unwrap();
    // More than a pipe holds: when it is written, reading has begun.
    assert!(log.len() > 1024 * 1024, "{}", log.len());
    let mut input = child.stdin.take().unwrap();
    input.write_all(&log).unwrap();
    fs::remove_dir(place.root.join("pages")).unwrap();
    drop(input);
    let ran = child.wait_with_output().unwrap();
    let (said, told) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert_eq!(ran.status.code(), Some(2), "{told}");
    assert!(said.contains("http-login-guessing"), "{said}{told}");
    assert!(told.contains("`pages/report.html` is in no folder that is there"), "{told}");
}

/// Lines in whose every field somebody tries something.
fn hostile_lines() -> String {
    let hostile = [
        "<script>document.documentElement.dataset.owned=1</script>",
        "\\\"><img src=x onerror=document.documentElement.dataset.owned=1>",
        "'><svg/onload=document.documentElement.dataset.owned=1>",
        "</code></li></ol></details><h1>owned</h1>",
        "\u{202e}gnirts desrever\u{202c}\u{2066}\u{200b}\u{feff}",
        "\u{1b}[2J\u{7}\u{9b}31m\u{85}",
        "&lt;b&gt;&amp;#60;script&#62;",
        "{{7*7}}${jndi:ldap://x}<!-- ]]> --> <style>*{display:none}</style>",
    ];
    let mut lines = String::new();
    for (client, text) in hostile.iter().enumerate() {
        for minute in 0..5 {
            writeln!(
                lines,
                "203.0.113.7{client} - {text} [12/Oct/2026:10:0{minute}:00 +0000] \"POST /login?a={text} HTTP/1.1\" 401 20 \"https://x/{text}\" \"{text}\""
            )
            .unwrap();
        }
    }
    lines
}

/// A place whose only log is hostile, with a rule that repeats what it says in its reason.
fn hostile_place() -> Place {
    let place = Place::new(0);
    fs::write(place.root.join("access.log"), hostile_lines()).unwrap();
    let rule = "rule(\"tries\").on(\"http\").when(|e| e.status == 401).by(\"ip\").count(3, \"10m\")\n    .then(|hit| { block(hit.ip, \"1h\", #{ reason: `tried ${hit.event.path} ${hit.event.user_agent} ${hit.event.referer}` }); });\n";
    for folder in ["rules", "tried"] {
        fs::remove_dir_all(place.root.join(folder)).unwrap();
        fs::create_dir(place.root.join(folder)).unwrap();
        let text = if folder == "tried" { rule.replace("count(3", "count(2") } else { rule.into() };
        fs::write(place.root.join(folder).join("mine.rhai"), text).unwrap();
    }
    place
}

#[test]
fn what_a_log_says_does_nothing_on_the_page() {
    let place = hostile_place();
    for words in [&["--report"][..], &["--against", "tried"][..], &["--report", "--all"][..]] {
        let text = page(&place, words);
        assert!(text.contains("<bdi>203.0.113.77</bdi>"), "{words:?}");
        assert_eq!(text.matches("<script").count(), 1);
        assert_eq!(text.matches("<style").count(), 1);
        for raw in ['\u{202e}', '\u{2066}', '\u{200b}', '\u{1b}', '\u{7}', '\u{9b}', '\u{85}'] {
            assert!(!text.contains(raw), "{raw:?}");
        }
        assert!(text.contains("\\u{202e}gnirts"), "shown as what it is");
        let Some(browser) = chromium() else { continue };
        let (dom, told) = browse(&browser, &place.root.join("report.html"), &["--dump-dom"]);
        assert!(dom.contains("At a glance"), "{dom}{told}");
        assert!(!dom.contains("data-owned=") && !dom.contains("<h1>owned"), "{dom}");
        assert_eq!(dom.matches("<img").count() + dom.matches("onload=\"").count(), 0);
        // Also that the policy lets the page's own style and script in.
        assert_eq!(console(&told), Vec::<&str>::new());
        assert!(dom.contains("<button type=\"button\">"), "the script ran");
    }
}

#[test]
fn a_phone_shows_it_without_scrolling_sideways() {
    let Some(browser) = chromium() else { return };
    for place in [Place::new(10), hostile_place()] {
        let text = page(&place, &["--against", "tried"]);
        // The page itself forbids what is needed to measure it.
        let (head, rest) = text.split_once("<meta http-equiv=\"Content-Security-Policy\"").unwrap();
        let (_, rest) = rest.split_once('>').unwrap();
        let rest = rest.replace("<details", "<details open");
        let measure = "<script>addEventListener('load', () => parent.postMessage(document.documentElement.scrollWidth, '*'))</script>";
        fs::write(place.root.join("inner.html"), format!("{head}{rest}{measure}")).unwrap();
        let outer = "<!DOCTYPE html><body><script>addEventListener('message', e => document.body.dataset.wide = e.data)</script><iframe src=inner.html width=400 height=800 style='border:0'></iframe>";
        fs::write(place.root.join("outer.html"), outer).unwrap();
        let (dom, told) = browse(&browser, &place.root.join("outer.html"), &["--dump-dom"]);
        assert!(dom.contains("data-wide=\"400\""), "{dom}{told}");
    }
}

/// How many pages of paper the page takes; `None` where there is no browser.
fn printed(place: &Place) -> Option<usize> {
    let file = place.root.join("page.pdf");
    let print = format!("--print-to-pdf={}", file.display());
    let words = [print.as_str(), "--no-pdf-header-footer"];
    browse(&chromium()?, &place.root.join("report.html"), &words);
    let text = String::from_utf8_lossy(&fs::read(file).unwrap()).into_owned();
    // The tree of pages says how many are below each of its nodes.
    let counts = text.split("/Count ").skip(1);
    let number = |rest: &str| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok();
    counts.filter_map(number).max()
}

#[test]
fn the_page_of_thousands_of_clients_stays_small_and_says_what_it_leaves_out() {
    let place = Place::new(0);
    let mut log = String::new();
    for client in 0..3_000_u32 {
        let second = client * 20;
        for again in 0..3 {
            writeln!(
                log,
                "203.{}.{}.9 - - [12/Oct/2026:{:02}:{:02}:{:02} +0000] \"GET /.env?{again} HTTP/1.1\" 404 20 \"-\" \"curl/8\"",
                client / 250, client % 250, second / 3600, second / 60 % 60, second % 60
            )
            .unwrap();
        }
    }
    fs::write(place.root.join("access.log"), log).unwrap();
    let text = page(&place, &["--report"]);
    let said = "2,541 more clients are left out of this page.";
    assert!(text.contains(said), "{}", text.split_once("<body>").unwrap().1);
    assert!(text.len() < 1_500_000, "{}", text.len());
    if let Some(pages) = printed(&place) {
        // 60 clients whole, and 400 in a row each; it was 58 pages once.
        assert!((10..40).contains(&pages), "{pages} pages");
    }
    let longer = page(&place, &["--report", "--all"]);
    assert!(!longer.contains("left out of this page") && longer.len() > text.len());
}

#[test]
fn the_page_can_be_looked_at() {
    let Some(browser) = chromium() else { return };
    let place = Place::new(60);
    page(&place, &["--report"]);
    let picture = place.root.join("page.png");
    let shot = format!("--screenshot={}", picture.display());
    browse(&browser, &place.root.join("report.html"), &[&shot, "--window-size=1200,900"]);
    let bytes = fs::read(&picture).unwrap();
    // Width and height stand in the header of a PNG.
    assert_eq!(bytes[16..24], [0, 0, 4, 176, 0, 0, 3, 132]);
    // A page that isn't painted is white, and small.
    assert!(bytes.len() > 30_000, "{}", bytes.len());
}
