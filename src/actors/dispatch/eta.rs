//! How far and how long it is from one place to another.

use std::fmt::Debug;

use crate::protocol::dispatch::Degrees;

/// The mean radius of the earth in meters (IUGG).
const EARTH_M: f64 = 6_371_008.8;

/// A place on the earth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub latitude: Degrees,
    pub longitude: Degrees,
}

impl Place {
    /// A place of which both coordinates are known.
    pub fn of(latitude: Option<Degrees>, longitude: Option<Degrees>) -> Option<Self> {
        Some(Self { latitude: latitude?, longitude: longitude? })
    }
}

/// The way between two places in a straight line, in meters: the haversine formula.
pub fn meters(from: Place, to: Place) -> f64 {
    let radians = |degrees: Degrees| degrees.as_f64().to_radians();
    let (south, north) = (radians(from.latitude), radians(to.latitude));
    let half_height = (north - south) / 2.0;
    let half_width = (radians(to.longitude) - radians(from.longitude)) / 2.0;
    let chord = half_height.sin().powi(2) + south.cos() * north.cos() * half_width.sin().powi(2);
    2.0 * EARTH_M * chord.clamp(0.0, 1.0).sqrt().asin()
}

/// Estimates when a unit arrives.
///
/// Asked for each unit while an order is being given, on the writer's thread, so it must not
/// block: a provider that asks a routing service answers from what it knows already.
pub trait Eta: Debug + Send + Sync {
    /// Seconds from one place to the other for a unit that leaves now; `None` when there is no way.
    fn seconds(&self, from: Place, to: Place) -> Option<f64>;
}

/// The straight line, at a speed that allows for the bends of the road.
#[derive(Debug, Clone, Copy)]
pub struct StraightLine {
    /// How fast a unit comes nearer, in kilometers an hour.
    pub kmh: f64,
}

impl Eta for StraightLine {
    fn seconds(&self, from: Place, to: Place) -> Option<f64> {
        (self.kmh > 0.0).then(|| meters(from, to) * 3.6 / self.kmh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(latitude: f64, longitude: f64) -> Place {
        let degrees = |value| Degrees::from_f64(value).unwrap();
        Place { latitude: degrees(latitude), longitude: degrees(longitude) }
    }

    #[test]
    fn a_degree_of_latitude_is_a_bit_more_than_111_km_everywhere() {
        for longitude in [-180.0, -13.2, 0.0, 179.9] {
            let way = meters(place(0.0, longitude), place(1.0, longitude));
            assert!((way - 111_195.0).abs() < 1.0, "{way}");
        }
    }

    #[test]
    fn a_degree_of_longitude_shrinks_towards_the_poles() {
        let way = meters(place(60.0, 10.0), place(60.0, 11.0));
        assert!((way - 55_597.0).abs() < 10.0, "{way}");
    }

    #[test]
    fn the_way_is_the_same_back_and_does_not_go_around_the_earth() {
        let (east, west) = (place(8.5, 179.9), place(8.5, -179.9));
        assert!((meters(east, west) - meters(west, east)).abs() < 1e-6);
        assert!(meters(east, west) < 25_000.0);
        assert!(meters(east, east).abs() < 1e-6);
        let half = meters(place(0.0, 0.0), place(0.0, 180.0));
        assert!((half - 20_015_115.0).abs() < 10.0, "{half}");
    }

    #[test]
    fn a_straight_line_takes_as_long_as_its_speed_says() {
        let (from, to) = (place(0.0, 0.0), place(1.0, 0.0));
        let seconds = StraightLine { kmh: 40.0 }.seconds(from, to).unwrap();
        assert!((seconds - 10_007.5).abs() < 1.0, "{seconds}");
        assert_eq!(StraightLine { kmh: 0.0 }.seconds(from, to), None);
    }
}
