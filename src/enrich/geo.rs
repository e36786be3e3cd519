//! Where an address is and whose network it is in, and what of that an event gets.
//!
//! In: what a database says of an address, or a test. Out: `country` and `asn` of an event, where its
//! source does not say them itself. Asking databases is the `geo` module's business.

use crate::event::{Event, Field, Value};
use std::net::IpAddr;

/// Where an address is, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Geo {
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// `AF`, `AN`, `AS`, `EU`, `NA`, `OC` or `SA`.
    pub continent: Option<String>,
    /// The city's English name.
    pub city: Option<String>,
    /// The autonomous system.
    pub asn: Option<u32>,
    /// The autonomous system's name.
    pub organisation: Option<String>,
}

impl Geo {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what another database knows, where this one knows nothing.
    pub fn merge(&mut self, other: Self) {
        self.country = self.country.take().or(other.country);
        self.continent = self.continent.take().or(other.continent);
        self.city = self.city.take().or(other.city);
        self.asn = self.asn.or(other.asn);
        self.organisation = self.organisation.take().or(other.organisation);
    }

    /// Sets the fields that an event lacks: what its source said of its client stands.
    pub fn apply(&self, event: &mut Event) {
        if let Some(asn) = self.asn
            && event.get(Field::Asn).is_none()
        {
            event.set(Field::Asn, Value::Int(i64::from(asn)));
        }
        if let Some(country) = &self.country
            && event.get(Field::Country).is_none()
        {
            event.set_text(Field::Country, country);
        }
    }
}

/// The address that an event's `country` and `asn` are of; none where it has both, or no client.
#[inline]
pub fn wanted(event: &Event) -> Option<IpAddr> {
    if event.get(Field::Country).is_some() && event.get(Field::Asn).is_some() {
        return None;
    }
    event.ip(Field::Ip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::event::Kind;

    #[test]
    fn what_the_source_says_stands_and_the_rest_is_added() {
        let geo = Geo { country: Some("NL".into()), asn: Some(64_500), ..Geo::default() };
        let mut event = Event::new(Kind::Http, Timestamp::EPOCH);
        assert_eq!(wanted(&event), None);
        event.set(Field::Ip, Value::ip([203, 0, 113, 9].into()));
        event.set(Field::Country, Value::text("DE"));
        assert!(wanted(&event).is_some());
        geo.apply(&mut event);
        assert_eq!(event.text(Field::Country).as_deref(), Some("DE"));
        assert_eq!(event.int(Field::Asn), Some(64_500));
        assert_eq!(wanted(&event), None);
    }

    #[test]
    fn databases_add_to_each_other_the_first_wins() {
        let mut geo = Geo { country: Some("NL".into()), ..Geo::default() };
        geo.merge(Geo { country: Some("DE".into()), asn: Some(1), ..Geo::default() });
        assert_eq!((geo.country.as_deref(), geo.asn), (Some("NL"), Some(1)));
        assert!(!geo.is_empty() && Geo::default().is_empty());
    }
}
