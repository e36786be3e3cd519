//! User agents as they are sent, and what must not be taken for something else.

use super::*;
use proptest::prelude::*;

const SENT: &[(&str, &str, &str, Option<u32>)] = &[
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
        "chrome",
        "browser",
        Some(142),
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
        "edge",
        "browser",
        Some(142),
    ),
    (
        "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
        "firefox",
        "browser",
        Some(145),
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
        "safari",
        "browser",
        Some(18),
    ),
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/141.0.7390.96 Mobile/15E148 Safari/604.1",
        "chrome",
        "browser",
        Some(141),
    ),
    (
        "Mozilla/5.0 (Windows NT 10.0; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 OPR/124.0.0.0",
        "opera",
        "browser",
        Some(124),
    ),
    ("Opera/9.80 (Windows NT 6.1) Presto/2.12.388 Version/12.18", "opera", "browser", Some(9)),
    (
        "Mozilla/5.0 (Linux; Android 14; SM-S921B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36",
        "samsung",
        "browser",
        Some(29),
    ),
    (
        "Mozilla/5.0 (Linux; Android 10; CUBOT_NOTE_20) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36",
        "chrome",
        "browser",
        Some(120),
    ),
    ("Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 6.1)", "ie", "browser", Some(8)),
    ("Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko", "ie", "browser", Some(7)),
    (
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "googlebot",
        "bot",
        Some(2),
    ),
    (
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Googlebot/2.1; +http://www.google.com/bot.html) Chrome/141.0.0.0 Safari/537.36",
        "googlebot",
        "bot",
        Some(2),
    ),
    (
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/116.0.1938.76 Safari/537.36",
        "bingbot",
        "bot",
        Some(2),
    ),
    (
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.1.1 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)",
        "applebot",
        "bot",
        Some(0),
    ),
    (
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
        "gptbot",
        "bot",
        Some(1),
    ),
    (
        "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)",
        "claudebot",
        "bot",
        Some(1),
    ),
    (
        "Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
        "yandexbot",
        "bot",
        Some(3),
    ),
    (
        "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
        "baiduspider",
        "bot",
        Some(2),
    ),
    (
        "Mozilla/5.0 (compatible; SomethingNew-Bot/3.1; +https://example.com/bot)",
        "other-bot",
        "bot",
        None,
    ),
    ("example crawler", "other-bot", "bot", None),
    ("curl/8.5.0", "curl", "tool", Some(8)),
    ("Wget/1.21.4", "wget", "tool", Some(1)),
    ("git/2.43.0", "git", "tool", Some(2)),
    (
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0 Safari/537.36",
        "headless-chrome",
        "tool",
        Some(131),
    ),
    ("python-requests/2.32.3", "python-requests", "library", Some(2)),
    ("Python/3.12 aiohttp/3.9.5", "aiohttp", "library", Some(3)),
    ("Python-urllib/3.11", "python-urllib", "library", Some(3)),
    ("Go-http-client/1.1", "go-http-client", "library", Some(1)),
    ("okhttp/4.12.0", "okhttp", "library", Some(4)),
    ("WordPress/6.8; https://example.com", "wordpress", "library", Some(6)),
    ("sqlmap/1.8#stable (https://sqlmap.org)", "sqlmap", "scanner", Some(1)),
    ("Mozilla/5.0 (Nikto/2.5.0) (Evasions:None) (Test:Port Check)", "nikto", "scanner", Some(2)),
    ("Mozilla/5.0 zgrab/0.x", "zgrab", "scanner", Some(0)),
    (
        "Mozilla/5.0 (compatible; CensysInspect/1.1; +https://about.censys.io/)",
        "censys",
        "scanner",
        Some(1),
    ),
    ("Chrome/142.0.0.0", "unknown", "unknown", None),
    ("Mozilla/5.0", "unknown", "unknown", None),
    ("", "unknown", "unknown", None),
    ("bottom of the page", "unknown", "unknown", None),
    (
        "Mozilla/5.0 (X11; Linux) Notcurl/1 Firefox/99999999999.0",
        "firefox",
        "browser",
        Some(999_999),
    ),
];

#[test]
fn clients_are_known_by_what_they_send() {
    for (text, family, kind, version) in SENT {
        let found = classify(text);
        assert_eq!(
            (found.family, found.kind.name(), found.version),
            (*family, *kind, *version),
            "{text}"
        );
        // The second time it is remembered.
        assert_eq!((agent(text), agent(text)), (found, found));
    }
}

#[test]
fn words_have_one_meaning_and_can_be_met() {
    let all: Vec<&str> = ROWS
        .iter()
        .map(|row| row.0)
        .chain(CRAWLS.iter().copied())
        .chain(BROWSERS.iter().map(|row| row.0))
        .collect();
    for (place, word) in all.iter().enumerate() {
        assert_eq!(*word, word.to_ascii_lowercase());
        assert!(!all[..place].contains(word), "`{word}` stands there twice");
    }
    for (word, family, kind) in ROWS {
        let found = classify(word);
        assert_eq!((found.family, found.kind), (*family, *kind), "{word}");
    }
    for (word, family, _) in BROWSERS {
        let found = classify(&format!("Mozilla/5.0 {word}1"));
        assert_eq!(found.family, *family, "{word}");
    }
}

proptest! {
    /// Remembering changes nothing, whatever is sent.
    #[test]
    fn any_text_has_one_answer(texts in proptest::collection::vec(".{0,300}", 1..20)) {
        for text in &texts {
            prop_assert_eq!(agent(text), classify(text));
            prop_assert_eq!(agent(&text.to_uppercase()), classify(&text.to_uppercase()));
        }
    }
}
