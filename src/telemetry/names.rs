//! Every metric's name and help text, one place; a stage adds its own at the end of its section.
//!
//! `counter NAME = "riposte_…_total", "help";` or `gauge NAME = "riposte_…", "help";`. A counter's
//! name ends with `_total`.

use super::{Metric, MetricKind};

macro_rules! kind {
    (counter) => {
        MetricKind::Counter
    };
    (gauge) => {
        MetricKind::Gauge
    };
}

macro_rules! metrics {
    ($($kind:ident $constant:ident = $name:literal, $help:literal;)*) => {
        $(
            #[doc = $help]
            pub static $constant: &Metric = {
                static CELL: Metric = Metric::new(kind!($kind), $name, $help);
                &CELL
            };
        )*
        pub(super) static ALL: [&Metric; [$($name),*].len()] = [$($constant),*];
    };
}

metrics! {
    // Sources.
    counter RECORDS_READ = "riposte_records_read_total", "records read by all sources";
    counter RECORDS_TRUNCATED = "riposte_records_truncated_total", "records cut because they were longer than the limit";
    counter SOURCE_ROTATIONS = "riposte_source_rotations_total", "followed files that were replaced by another under their name";
    counter SOURCE_TRUNCATIONS = "riposte_source_truncations_total", "followed files that were truncated (copytruncate)";
    counter SOURCE_NUL_BYTES = "riposte_source_nul_bytes_total", "NUL bytes skipped at the start of lines, as truncated sparse files have them";
    counter SOURCE_STALLS = "riposte_source_stalls_total", "times that a source stood still: a file that can't be read, a lost watch, an engine that takes nothing";
    counter SOURCE_WATCHES_LOST = "riposte_source_watches_lost_total", "times that the kernel's notices of file changes were lost or refused";
    counter SOURCE_LOST_STREAMS = "riposte_source_lost_streams_total", "files that were gone or changed before they were read to their end";
    counter SOURCE_RESTARTS = "riposte_source_restarts_total", "sources that failed and were started again";

    counter SOURCE_DOUBLES = "riposte_source_doubles_total", "records that a source's program said once more, known by their cursor";
    counter SOURCE_FAULTS = "riposte_source_faults_total", "events and fields of sources' programs that were refused: not declared, or of another type";

    counter INTAKE_DROPPED = "riposte_intake_dropped_total", "syslog datagrams that the kernel dropped because they came faster than they were read";
    counter INTAKE_REFUSED = "riposte_intake_refused_total", "syslog connections and datagrams refused: too many, or from senders that the config does not name";
    counter INTAKE_CUT = "riposte_intake_cut_total", "syslog messages whose connection ended in the middle of them";
    gauge INTAKE_CONNECTIONS = "riposte_intake_connections", "open connections of syslog and of the HTTP intake";
    counter HTTP_DELIVERIES = "riposte_http_deliveries_total", "requests to `/intake/NAME` that were taken, those known already among them";
    counter HTTP_REFUSED = "riposte_http_refused_total", "requests and connections of the HTTP intake that were refused";
    counter JOURNAL_GAPS = "riposte_journal_gaps_total", "times that the journal no longer held the place to go on from";

    // Parsers.
    counter RECORDS_UNPARSED = "riposte_records_unparsed_total", "records that their parser could not read";

    // Enrichers.

    counter FEED_REFRESHES = "riposte_feed_refreshes_total", "looks at threat feeds, whatever came of them";
    counter FEED_FAILURES = "riposte_feed_failures_total", "looks at threat feeds that could not be had";
    counter FEED_REFUSED = "riposte_feed_refused_total", "versions of threat feeds that were not believed: empty, suddenly other, or listing friends";
    counter BOT_CHECKS = "riposte_bot_checks_total", "clients that said they were crawlers and were looked up in the DNS";
    counter BOTS_VERIFIED = "riposte_bots_verified_total", "clients that turned out to be the crawlers that they said";
    counter BOTS_FORGED = "riposte_bots_forged_total", "clients that said they were crawlers and were not";
    counter GEO_READS = "riposte_geo_reads_total", "databases of places that were read since their file changed, whatever came of it";
    counter GEO_REFUSED = "riposte_geo_refused_total", "databases of places that were not used: gone, broken, or of another kind";
    gauge GEO_BYTES = "riposte_geo_bytes", "memory that databases of places take";
    gauge FEED_ENTRIES = "riposte_feed_entries", "prefixes of all threat feeds in force";
    gauge FEED_BYTES = "riposte_feed_bytes", "memory that threat feeds take";

    // Matching and windows.
    gauge WINDOW_KEYS = "riposte_window_keys", "keys that rules count for";
    gauge WINDOW_BYTES = "riposte_window_bytes", "memory that windows take";
    gauge WINDOW_BYTES_MAX = "riposte_window_bytes_max", "memory that windows may take";
    counter WINDOW_KEYS_EVICTED = "riposte_window_keys_evicted_total", "keys forgotten early because windows were full";

    // Rules.
    counter RULE_FAULTS = "riposte_rule_faults_total", "rule bodies and predicates that ended in a fault";

    // Decisions.

    // Store.
    counter STORE_COMMITS = "riposte_store_commits_total", "transactions that committed hits, decisions and actions";
    counter STORE_ERRORS = "riposte_store_errors_total", "transactions that the store could not do (full disk, read-only)";
    counter STORE_HITS_COLLAPSED = "riposte_store_hits_collapsed_total", "repeated hits journaled as a counter, not as a row";
    counter STORE_ROWS_EXPIRED = "riposte_store_rows_expired_total", "rows removed by retention";
    gauge STORE_LOG_BYTES = "riposte_store_log_bytes", "size of the store's write-ahead log";

    // Actions: what goes out.
    counter ACTIONS_SUBMITTED = "riposte_actions_submitted_total", "actions handed to the executors, counted once a destination";
    counter ACTIONS_APPLIED = "riposte_actions_applied_total", "actions done and confirmed at a destination";
    counter ACTIONS_UNCHANGED = "riposte_actions_unchanged_total", "actions that found a destination already as wanted";
    counter ACTIONS_UNCONFIRMED = "riposte_actions_unconfirmed_total", "actions that may have happened but could not be confirmed";
    counter ACTIONS_FAILED = "riposte_actions_failed_total", "actions that did not happen at a destination";
    counter ACTIONS_REFUSED_LAST = "riposte_actions_refused_last_total", "actions that the last check before sending refused";
    counter ACTIONS_RETRIED = "riposte_actions_retried_total", "attempts to send that had to be made again";
    counter ACTIONS_SHED = "riposte_actions_shed_total", "actions refused because a destination's queue was full";
    gauge ACTIONS_QUEUED = "riposte_actions_queued", "actions waiting for their destinations";
    counter ENFORCER_CALLS = "riposte_enforcer_calls_total", "writes made to enforcers (transactions, files)";
    counter RECONCILE_RUNS = "riposte_reconcile_runs_total", "comparisons of what is present at an enforcer with what is wanted";
    counter RECONCILE_MISSING = "riposte_reconcile_missing_total", "entries that were missing at an enforcer and were put back";
    counter RECONCILE_EXTRA = "riposte_reconcile_extra_total", "entries of ours that were present at an enforcer and not wanted";
    counter ENFORCER_REBUILT = "riposte_enforcer_rebuilt_total", "times an enforcer's whole place (nftables table, file) was missing or changed and was made again";
    gauge NFTABLES_ENTRIES = "riposte_nftables_entries", "networks in our nftables sets";
    gauge CLOUDFLARE_ENTRIES = "riposte_cloudflare_entries", "networks that we block at Cloudflare";
    gauge CLOUDFLARE_NOT_FITTING = "riposte_cloudflare_not_fitting", "networks that should be blocked at Cloudflare and found no room there";
    gauge CLOUDFLARE_CALLS_LEFT = "riposte_cloudflare_calls_left", "calls that Cloudflare's API could be sent at once";
    gauge CLOUDFLARE_ITEMS_LEFT = "riposte_cloudflare_item_changes_left", "list items that could be changed at Cloudflare at once";
    gauge CLOUDFLARE_STOPPED = "riposte_cloudflare_stopped_seconds", "for how long nothing is sent to Cloudflare's API, as its last reply had it";
    gauge CLOUDFLARE_INCIDENTS = "riposte_cloudflare_incidents", "open incidents on Cloudflare's status page that may concern its API";
    counter CLOUDFLARE_CALLS = "riposte_cloudflare_calls_total", "calls sent to Cloudflare's API";
    counter CLOUDFLARE_CALLS_FAILED = "riposte_cloudflare_calls_failed_total", "calls to Cloudflare's API that did not succeed";
    counter CLOUDFLARE_TOO_MANY = "riposte_cloudflare_too_many_total", "calls that Cloudflare refused because there were too many";
    counter CHANGES_WRITTEN = "riposte_cloudflare_changes_written_total", "writes made for temporary changes at Cloudflare, those that put things back included";
    counter CHANGES_LEFT = "riposte_cloudflare_changes_left_total", "temporary changes at Cloudflare that somebody else changed meanwhile, and that were left as they are";
    gauge CHANGES_IN_FORCE = "riposte_cloudflare_changes_in_force", "temporary changes at Cloudflare that are in force or being put back";
    counter WEB_FILE_ROLLBACKS = "riposte_web_file_rollbacks_total", "web-server files put back because the server's test refused them";
    counter PROGRAMS_KILLED = "riposte_programs_killed_total", "child programs ended because they passed a limit";

    // Plugins.
    counter PLUGIN_STARTS = "riposte_plugin_starts_total", "starts of plugins' programs";
    counter PLUGIN_FAULTS = "riposte_plugin_faults_total", "plugins' programs that died, hung, flooded, spoke nonsense or could not be started";
    counter PLUGIN_LOG_LINES_SHED = "riposte_plugin_log_lines_shed_total", "lines of plugins' logs that were left out because there were too many";

    counter ENRICHER_QUESTIONS = "riposte_enricher_questions_total", "questions to enrichers";
    counter ENRICHER_ANSWERS = "riposte_enricher_answers_total", "answers of enrichers";
    counter ENRICHER_LATE = "riposte_enricher_late_total", "keys of batches that went on without an enricher's answer because it did not come in time";
    counter ENRICHER_UNASKED = "riposte_enricher_unasked_total", "keys that an enricher was not asked for because it was not running or had too many questions";

    // Secrets.
    counter SECRETS_READ = "riposte_secrets_read_total", "readings of secrets from their files, programs and vaults, renewals of leases too";
    counter SECRETS_FAILED = "riposte_secrets_failed_total", "readings of secrets that failed";
    counter SECRETS_ROTATED = "riposte_secrets_rotated_total", "secrets that were found to be others than before";
    gauge SECRETS_IN_TROUBLE = "riposte_secrets_in_trouble", "secrets that can't be read now, whether or not an older value is used";

    // Pipeline.
    counter RECORDS_PARSED = "riposte_records_parsed_total", "records that became events";
    counter EVENTS_MATCHED = "riposte_events_matched_total", "events that met the predicate of at least one rule";
    counter EVENTS_FROM_THE_FUTURE = "riposte_events_from_the_future_total", "events whose stamp lay too far ahead and became their arrival time";
    counter EVENTS_EMITTED_SHED = "riposte_events_emitted_shed_total", "events that rules emitted beyond the bound for one record";
    counter HITS = "riposte_hits_total", "firings of rules";
    counter DECISIONS_PROPOSED = "riposte_decisions_proposed_total", "decisions that rules asked for";
    counter DECISIONS_PASSED = "riposte_decisions_passed_total", "decisions that the guard let through";
    counter CHECKPOINTS = "riposte_checkpoints_total", "checkpoints taken";
    counter INPUTS_RECOVERED = "riposte_inputs_recovered_total", "inputs evaluated again after a crash";
    counter RECOVERY_DIFFERENCES = "riposte_recovery_differences_total", "hits of a recovery that the store did not hold (rules changed meanwhile)";
    counter ALARMS = "riposte_alarms_total", "alarms raised";

    // The telemetry itself.
    gauge SELF_TEST_LEVEL = "riposte_telemetry_self_test", "a level that only the self test of the counters moves";
}
