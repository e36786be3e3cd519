//! The well-known fields: short name in rules, type, and the names used when events leave riposte
//! (ECS 8, read at elastic.co/guide/en/ecs; OpenTelemetry semantic conventions, read at
//! opentelemetry.io/docs/specs/semconv; both in November 2026. Names that neither has are ours).

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// Text; may hold any bytes.
    Text,
    /// A whole number.
    Int,
    /// A number with a fraction.
    Float,
    /// An address.
    Address,
}

macro_rules! fields {
    ($($variant:ident $name:literal $kind:ident $ecs:literal $otel:literal $doc:literal,)*) => {
        /// A well-known field.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Field {
            $(#[doc = $doc] $variant,)*
        }

        impl Field {
            /// Every field, in the order of the reference.
            pub const ALL: &'static [Field] = &[$(Field::$variant,)*];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// The field's name in rules, config and JSON.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it holds.
            pub const fn kind(self) -> FieldType {
                match self { $(Self::$variant => FieldType::$kind,)* }
            }

            /// Its name in the Elastic Common Schema.
            pub const fn ecs(self) -> &'static str {
                match self { $(Self::$variant => $ecs,)* }
            }

            /// Its name in the OpenTelemetry semantic conventions.
            pub const fn otel(self) -> &'static str {
                match self { $(Self::$variant => $otel,)* }
            }

            /// What it means, for the reference.
            pub const fn doc(self) -> &'static str {
                match self { $(Self::$variant => $doc,)* }
            }

            /// The field with that name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

fields! {
    Ip "ip" Address "source.ip" "client.address"
        "The client's address, after trusted proxies; an IPv6 client counts as its /64.",
    Peer "peer" Address "source.nat.ip" "network.peer.address"
        "The address that connected to the server, where the log keeps it beside the client's.",
    Port "port" Int "source.port" "client.port"
        "The client's port.",
    Method "method" Text "http.request.method" "http.request.method"
        "The request method, as sent (`GET`).",
    Path "path" Text "url.path" "url.path"
        "The request path as sent, without the query, not decoded.",
    Query "query" Text "url.query" "url.query"
        "The query string as sent, without the `?`, not decoded.",
    Status "status" Int "http.response.status_code" "http.response.status_code"
        "The response status.",
    Bytes "bytes" Int "http.response.body.bytes" "http.response.body.size"
        "Bytes sent to the client.",
    RequestBytes "request_bytes" Int "http.request.bytes" "http.request.size"
        "Bytes received from the client.",
    UserAgent "user_agent" Text "user_agent.original" "user_agent.original"
        "The `User-Agent` header.",
    Referer "referer" Text "http.request.referrer" "http.request.header.referer"
        "The `Referer` header.",
    Host "host" Text "url.domain" "server.address"
        "The host that was asked for, without a port.",
    Scheme "scheme" Text "url.scheme" "url.scheme"
        "`http` or `https`.",
    Protocol "protocol" Text "http.version" "network.protocol.version"
        "The protocol of the request line (`HTTP/1.1`).",
    User "user" Text "user.name" "user.name"
        "The user name, as the client gave it.",
    Outcome "outcome" Text "event.outcome" "event.outcome"
        "`success` or `failure`.",
    Duration "duration" Float "event.duration" "http.server.request.duration"
        "How long it took, in seconds; of a decision, how long it stands.",
    UpstreamDuration "upstream_duration" Float "http.upstream.duration" "http.client.request.duration"
        "How long the upstream took, in seconds.",
    Upstream "upstream" Text "destination.address" "upstream.address"
        "The upstream, back end or server that answered.",
    Request "request" Text "http.request.line" "http.request.line"
        "The whole request line, where it is no well-formed request.",
    AuthMethod "auth_method" Text "event.auth_method" "auth.method"
        "How the client tried to log in (`password`, `publickey`).",
    Reason "reason" Text "event.reason" "event.reason"
        "Why it failed, in one word (`invalid_user`, `bad_password`, `limit_req`).",
    Message "message" Text "message" "log.body"
        "The message of a log line.",
    Level "level" Text "log.level" "log.severity_text"
        "The level of a log line (`error`).",
    Facility "facility" Int "log.syslog.facility.code" "syslog.facility.code"
        "The syslog facility number.",
    Program "program" Text "process.name" "process.executable.name"
        "The program that logged it (`sshd`).",
    Pid "pid" Int "process.pid" "process.pid"
        "Its process id.",
    Hostname "hostname" Text "host.name" "host.name"
        "The machine that logged it.",
    Zone "zone" Text "nginx.limit.zone" "nginx.limit.zone"
        "The limit zone that was exceeded.",
    Repeat "repeat" Int "event.repeat" "event.repeat"
        "How many times it happened (syslog's `message repeated`).",
    Target "target" Text "rule.target" "riposte.target"
        "The target of a decision.",
    Rule "rule" Text "rule.name" "riposte.rule"
        "The rule that made a decision.",
    Remedy "remedy" Text "event.action" "riposte.remedy"
        "The remedy of a decision (`block`).",
    Asn "asn" Int "source.as.number" "client.as.number"
        "The autonomous system of the client: by the source, else by the databases of `[geo]`.",
    Country "country" Text "source.geo.country_iso_code" "geo.country.iso_code"
        "The country of the client, ISO 3166-1 alpha-2: by the source, else by the databases of `[geo]`.",
}
