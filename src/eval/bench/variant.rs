//! The images as they look a moment later, and in other conditions.

use crate::eval::disturb::Disturbance;

/// An image as it is, or as it looks a moment later or elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Variant {
    /// The image itself.
    AsIs,
    /// The so-maniest further frame of a burst of the part, from 0: turned by 6 degrees, noisy, brighter or darker,
    /// moved by 3 %, and so on with other noise.
    Burst(u32),
    /// The part seen again, 0 to 3: moved by 3 %, turned by 5 degrees, 5 % brighter, noisy and moved by 1.5 %.
    Again(u32),
    /// In other conditions.
    Shifted(Shift),
    /// In other conditions of a severity from 1 to 5; 3 is that of [`Variant::Shifted`].
    Severe(Shift, u8),
}

/// Other conditions, of a middle severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "their names say it, `Variant::disturbances` how much")]
#[non_exhaustive]
pub enum Shift {
    Darker,
    Brighter,
    Gamma,
    Contrast,
    Warm,
    Blur,
    Noise,
    Jpeg,
    Turn,
    Zoom,
    Move,
}

impl Shift {
    /// All of them.
    pub const ALL: [Shift; 11] = [
        Shift::Darker,
        Shift::Brighter,
        Shift::Gamma,
        Shift::Contrast,
        Shift::Warm,
        Shift::Blur,
        Shift::Noise,
        Shift::Jpeg,
        Shift::Turn,
        Shift::Zoom,
        Shift::Move,
    ];

    /// In small letters.
    pub fn name(self) -> &'static str {
        match self {
            Shift::Darker => "darker",
            Shift::Brighter => "brighter",
            Shift::Gamma => "gamma",
            Shift::Contrast => "contrast",
            Shift::Warm => "warm",
            Shift::Blur => "blur",
            Shift::Noise => "noise",
            Shift::Jpeg => "jpeg",
            Shift::Turn => "turn",
            Shift::Zoom => "zoom",
            Shift::Move => "move",
        }
    }
}

impl Shift {
    /// What changes: the light, the picture of a place, or the place.
    pub fn kind(self) -> &'static str {
        match self {
            Shift::Darker | Shift::Brighter | Shift::Gamma | Shift::Contrast | Shift::Warm => {
                "photometric"
            }
            Shift::Blur | Shift::Noise | Shift::Jpeg => "blur, noise, jpeg",
            Shift::Turn | Shift::Zoom | Shift::Move => "geometric",
        }
    }

    /// What is done to an image.
    ///
    /// * `severity`: 1 to 5.
    /// * `image`: its place, which decides into which direction it is turned or moved.
    pub fn at(self, severity: u8, image: usize) -> Disturbance {
        let way = |image: usize| if image & 1 == 0 { 1.0f32 } else { -1.0 };
        let of = |values: [f32; 5]| values[usize::from(severity.clamp(1, 5)) - 1];
        match self {
            Shift::Darker => Disturbance::Gain(of([0.85, 0.72, 0.6, 0.45, 0.3])),
            Shift::Brighter => Disturbance::Gain(of([1.12, 1.25, 1.4, 1.6, 1.9])),
            Shift::Gamma => Disturbance::Gamma(of([1.2, 1.4, 1.7, 2.1, 2.6])),
            Shift::Contrast => Disturbance::Contrast(of([0.85, 0.72, 0.6, 0.45, 0.3])),
            Shift::Warm => Disturbance::Warm(of([0.07, 0.13, 0.2, 0.3, 0.4])),
            Shift::Blur => Disturbance::Blur(of([0.4, 0.7, 1.0, 1.5, 2.2])),
            Shift::Noise => {
                let deviation = of([5.0, 9.0, 14.0, 20.0, 28.0]);
                Disturbance::Noise { deviation, seed: (image as u64) << 8 | 254 }
            }
            Shift::Jpeg => Disturbance::Jpeg(of([60.0, 40.0, 20.0, 12.0, 7.0]) as u8),
            Shift::Turn => Disturbance::Turn(of([3.0, 6.0, 10.0, 15.0, 22.0]) * way(image)),
            Shift::Zoom => Disturbance::Zoom(of([1.05, 1.1, 1.15, 1.22, 1.3])),
            Shift::Move => {
                let far = of([0.02, 0.04, 0.06, 0.09, 0.13]);
                Disturbance::Move(far * way(image), far * way(image / 2))
            }
        }
    }
}

/// The severity of [`Variant::Shifted`].
const MIDDLE: u8 = 3;

impl Variant {
    /// What is done to the image, in this order.
    ///
    /// * `image`: its place, which decides into which direction it is turned or moved.
    pub fn disturbances(self, image: usize) -> Vec<Disturbance> {
        // Two images in a row differ in direction, and so do an image's next turns.
        let way = |round: u32| if (image as u32 ^ round) & 1 == 0 { 1.0f32 } else { -1.0 };
        let seed = |round: u32| (image as u64) << 8 | u64::from(round);
        match self {
            Variant::AsIs => vec![],
            Variant::Burst(frame) => {
                let round = frame / 4;
                vec![match frame % 4 {
                    0 => Disturbance::Turn(6.0 * way(round)),
                    1 => Disturbance::Noise { deviation: 10.0, seed: seed(round) },
                    2 => Disturbance::Gain(1.0 + 0.14 * way(round)),
                    _ => Disturbance::Move(0.03 * way(round), 0.03 * way(image as u32 / 2)),
                }]
            }
            Variant::Again(copy) => match copy % 4 {
                0 => vec![Disturbance::Move(-0.03 * way(0), 0.03)],
                1 => vec![Disturbance::Turn(-5.0 * way(0))],
                2 => vec![Disturbance::Gain(1.05)],
                _ => vec![
                    Disturbance::Move(0.015, -0.015 * way(0)),
                    Disturbance::Noise { deviation: 6.0, seed: seed(255) },
                ],
            },
            Variant::Shifted(shift) => vec![shift.at(MIDDLE, image)],
            Variant::Severe(shift, severity) => vec![shift.at(severity, image)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_turn_the_other_way_and_variants_stay_the_same() {
        let turn = |image| Variant::Burst(0).disturbances(image);
        assert_eq!(turn(0), [Disturbance::Turn(6.0)]);
        assert_eq!(turn(1), [Disturbance::Turn(-6.0)]);
        // The next round of an image turns back.
        assert_eq!(Variant::Burst(4).disturbances(0), [Disturbance::Turn(-6.0)]);
        assert_eq!(Variant::AsIs.disturbances(7), []);
        for shift in Shift::ALL {
            let variant = Variant::Shifted(shift);
            assert_eq!(variant.disturbances(3), variant.disturbances(3));
            assert_eq!(variant.disturbances(3).len(), 1);
        }
    }
}
