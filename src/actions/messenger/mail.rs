//! Messages by e-mail: one connection a message, over TLS unless the server is this machine.
//!
//! In: a message and the channel's config. Out: how the server took it. The protocol is lettre's. A mail's
//! `Message-ID` is made from the action's id, so that one that is sent again is recognised.

use super::Message;
use super::text::cut;
use crate::actions::config::{ChannelConfig, Destination};
use crate::actions::effect_worker::Attempt;
use crate::event::text::escape;
use crate::http_client::install_provider;
use crate::limits::MAIL_TEXT_CHARS_MAX;
use crate::process::{resolve_secret, secret_refused};
use crate::secret::Secret;
use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Mailboxes};
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{SmtpTransport, Transport};
use std::io::ErrorKind;
use std::net::IpAddr;

/// A mail server, as a channel's `url` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::actions) struct Server {
    host: String,
    port: u16,
    kind: Security,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Security {
    /// TLS from the first byte (RFC 8314).
    Tls,
    /// STARTTLS, and nothing without it (RFC 3207).
    StartTls,
    /// In the clear, on this machine.
    Clear,
}

impl Server {
    /// Reads `smtps://HOST[:PORT]` or `smtp://HOST[:PORT]`.
    pub fn parse(url: &str) -> Result<Self, String> {
        const HINT: &str = "hint: `smtps://mail.example.com`, or `smtp://mail.example.com:587`";
        let parsed = reqwest::Url::parse(url)
            .map_err(|error| format!("`url` is no address: {error}\n{HINT}"))?;
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err("`url` holds a user or a password\nhint: use `user` and `token`".to_owned());
        }
        let host = parsed.host_str().map(|host| host.trim_matches(['[', ']']).to_owned());
        let host = host.filter(|host| !host.is_empty());
        let host = host.ok_or_else(|| format!("`url` names no mail server\n{HINT}"))?;
        let is_local = host == "localhost"
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        let (kind, port) = match parsed.scheme() {
            "smtps" => (Security::Tls, 465),
            "smtp" if is_local => (Security::Clear, 25),
            "smtp" => (Security::StartTls, 587),
            _ => return Err(format!("`url` must begin with `smtps://` or `smtp://`\n{HINT}")),
        };
        Ok(Self { host, port: parsed.port().unwrap_or(port), kind })
    }

    fn transport(
        &self,
        channel: &ChannelConfig,
        login: Option<(String, Secret)>,
        host: &str,
    ) -> Result<SmtpTransport, String> {
        install_provider();
        let mut tls = TlsParameters::builder(self.host.clone());
        if let Some(path) = &channel.ca_file {
            let pem = std::fs::read(path)
                .map_err(|error| format!("failed to read `{}`: {error}", path.display()))?;
            let authority = Certificate::from_pem(&pem)
                .map_err(|error| format!("`{}` holds no certificate: {error}", path.display()))?;
            tls = tls.add_root_certificate(authority);
        }
        let tls = match self.kind {
            Security::Clear => Tls::None,
            kind => {
                let built =
                    tls.build().map_err(|error| format!("failed to set up TLS: {error}"))?;
                if kind == Security::Tls { Tls::Wrapper(built) } else { Tls::Required(built) }
            }
        };
        let mut builder = SmtpTransport::builder_dangerous(self.host.clone())
            .port(self.port)
            .tls(tls)
            .timeout(Some(channel.timeout))
            .hello_name(ClientId::Domain(host.to_owned()));
        if let Some((user, password)) = login {
            builder = builder.credentials(Credentials::new(user, password.reveal().to_owned()));
        }
        Ok(builder.build())
    }
}

/// Reads an address as mail has it.
pub(in crate::actions) fn mailbox(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|_| {
        format!(
            "`{}` is no mail address\nhint: `ops@example.com`, or `Ops <ops@example.com>`",
            escape(text)
        )
    })
}

/// The mail as it would be sent.
fn mail(channel: &ChannelConfig, message: &Message) -> Result<lettre::Message, String> {
    let sender = mailbox(channel.sender.as_deref().unwrap_or_default())?;
    let domain = sender.email.domain().to_owned();
    let recipients: Result<Mailboxes, String> =
        channel.recipients.iter().map(|recipient| mailbox(recipient)).collect();
    let mut builder = lettre::Message::builder()
        .from(sender)
        .subject(&message.title)
        .message_id(Some(format!("<{}@{domain}>", message.id)));
    for recipient in recipients? {
        builder = builder.to(recipient);
    }
    builder
        .header(ContentType::TEXT_PLAIN)
        .body(cut(&message.text, MAIL_TEXT_CHARS_MAX))
        .map_err(|error| format!("no mail can be made of it: {error}"))
}

/// One attempt.
pub(super) fn send(channel: &ChannelConfig, message: &Message) -> Attempt {
    let server = match &channel.url {
        Some(Destination::Url(url)) => Server::parse(url),
        Some(Destination::Secret(reference)) => match resolve_secret(reference) {
            Ok(url) => Server::parse(url.reveal()),
            Err(error) => return Attempt::Wait(error.to_string()),
        },
        None => Err("there is no `url`".to_owned()),
    };
    let login = match (&channel.user, &channel.token) {
        (Some(user), Some(reference)) => match resolve_secret(reference) {
            Ok(password) => Some((user.clone(), password)),
            Err(error) => return Attempt::Wait(error.to_string()),
        },
        _ => None,
    };
    let password = login.as_ref().map(|(_, password)| password.clone());
    let ready = server.and_then(|server| {
        Ok((server.transport(channel, login, &message.host)?, mail(channel, message)?))
    });
    match ready {
        Err(reason) => Attempt::Failed(reason),
        Ok((transport, mail)) => match transport.send(&mail) {
            Ok(_) => Attempt::Done,
            Err(error) => refused(channel, password.as_ref(), &error),
        },
    }
}

fn refused(channel: &ChannelConfig, password: Option<&Secret>, error: &Error) -> Attempt {
    let code = error.status().map(|code| code.to_string());
    let reason = super::text::shown(&chain(error));
    // A password may have been rotated since it was read (535: RFC 4954 §6).
    if code.as_deref() == Some("535")
        && let (Some(reference), Some(password)) = (&channel.token, password)
        && !reference.is_at_hand()
    {
        secret_refused(reference, password);
        return Attempt::Retry { reason, after: None, may_have_arrived: false };
    }
    if error.is_permanent() {
        return Attempt::Failed(reason);
    }
    // Without an answer nobody knows whether the server has taken it.
    Attempt::Retry { reason, after: None, may_have_arrived: code.is_none() }
}

/// An error with its causes.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let kind = inner.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if matches!(kind, Some(ErrorKind::WouldBlock | ErrorKind::TimedOut)) {
            return "the server did not answer in time".to_owned();
        }
        let words = inner.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = inner.source();
    }
    text
}

/// The mail for a dry run, without its way.
pub(super) fn rehearse(channel: &ChannelConfig, message: &Message) -> Result<String, String> {
    let mail = mail(channel, message)?;
    let text = String::from_utf8_lossy(&mail.formatted()).replace('\r', "");
    let url = channel.url.as_ref().map(ToString::to_string).unwrap_or_default();
    Ok(format!("mail by {url}\n{text}"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::message;
    use super::*;
    use crate::actions::config::{ChannelTo, Service};

    #[test]
    fn only_this_machine_is_spoken_to_in_the_clear() {
        for (url, kind, port) in [
            ("smtps://mail.example.com", Security::Tls, 465),
            ("smtp://mail.example.com", Security::StartTls, 587),
            ("smtp://mail.example.com:25", Security::StartTls, 25),
            ("smtp://127.0.0.1", Security::Clear, 25),
            ("smtp://[::1]:2525", Security::Clear, 2_525),
            ("smtp://localhost:25", Security::Clear, 25),
        ] {
            let server = Server::parse(url).unwrap();
            assert_eq!((server.kind, server.port), (kind, port), "{url}");
        }
        for url in ["https://mail.example.com", "smtp://", "mail", "smtps://a:b@mail.example.com"] {
            assert!(Server::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn what_a_client_wrote_stays_in_the_body() {
        let mut channel = ChannelConfig::new("ops", ChannelTo::Service(Service::Email));
        channel.sender = Some("riposte@example.com".to_owned());
        channel.recipients = vec!["ops@example.com".to_owned()];
        let mut hostile = message("x");
        hostile.title = "riposte\r\nBcc: everyone@example.com".to_owned();
        let mail = mail(&channel, &hostile).unwrap();
        let text = String::from_utf8_lossy(&mail.formatted()).into_owned();
        let head = text.split("\r\n\r\n").next().unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
        assert!(head.contains("Message-ID: <"), "{head}");
        assert!(head.contains("@example.com>"), "{head}");
    }
}
