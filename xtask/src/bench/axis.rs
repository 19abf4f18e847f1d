//! [`Axis`]: a logarithmic scale.

use super::number;

/// A logarithmic axis from one power of ten to another.
pub(crate) struct Axis {
    /// The powers' exponents.
    decades: (i32, i32),
    /// Where the axis begins and ends.
    ends: (f64, f64),
}

impl Axis {
    /// One on which all values have a place.
    pub(crate) fn over(values: impl Iterator<Item = f64>, ends: (f64, f64)) -> Self {
        let (low, high) = values
            .map(f64::log10)
            .filter(|value| value.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            });
        let (low, high) = if low <= high { (low, high) } else { (0.0, 1.0) };
        let first = low.floor() as i32;
        Self { decades: (first, (high.ceil() as i32).max(first + 1)), ends }
    }

    /// Its powers of ten.
    pub(crate) fn decades(&self) -> impl Iterator<Item = f64> {
        (self.decades.0..=self.decades.1).map(|decade| 10_f64.powi(decade))
    }

    /// Where a value stands.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let (first, last) = (f64::from(self.decades.0), f64::from(self.decades.1));
        let share = (value.log10() - first) / (last - first);
        self.ends.0 + share * (self.ends.1 - self.ends.0)
    }
}

/// A power of ten in full.
pub(crate) fn tick(value: f64) -> String {
    if value < 1.0 {
        return format!("{value:.*}", -value.log10().round() as usize);
    }
    number::thousands(value.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_spans_whole_decades() {
        let axis = Axis::over([100.0, 2e5].into_iter(), (0.0, 40.0));
        assert_eq!(axis.decades().collect::<Vec<_>>(), [1e2, 1e3, 1e4, 1e5, 1e6]);
        assert_eq!([1e2, 1e4, 1e6].map(|value| axis.place(value)), [0.0, 20.0, 40.0]);
        // A single value, and none at all, have an axis too.
        assert_eq!(Axis::over([10.0].into_iter(), (0.0, 1.0)).decades, (1, 2));
        assert_eq!(Axis::over([].into_iter(), (0.0, 1.0)).decades, (0, 1));
    }

    #[test]
    fn powers_of_ten_are_written_in_full() {
        assert_eq!([0.001, 0.1, 1.0, 1e6].map(tick), ["0.001", "0.1", "1", "1,000,000"]);
    }
}
