//! A system on disk.

use super::{Row, System, Taught};
use crate::learn::head::{ClassId, ExampleId, FeatureScaling, GroupId, HeadError};

/// A system as it is stored; the features are those the head learned from, already scaled.
#[derive(serde::Serialize, serde::Deserialize)]
pub(crate) struct StoredSystem {
    dim: u32,
    classes: Vec<u32>,
    /// Example, view, group, class.
    examples: Vec<(u64, u8, u64, u32)>,
    z: Vec<f32>,
}

impl StoredSystem {
    pub(crate) fn of(system: &System) -> Self {
        Self {
            dim: u32::try_from(system.dim).expect("a feature has far fewer values"),
            classes: system.classes.iter().map(|class| class.0).collect(),
            examples: system
                .examples
                .iter()
                .map(|row| (row.id.0.0, row.id.1, row.group.0, row.class as u32))
                .collect(),
            z: system.all_z().flat_map(|z| z.into_owned()).collect(),
        }
    }

    /// # Errors
    /// [`HeadError::Damaged`] where it contradicts itself.
    pub(crate) fn into_system(
        self,
        scaling: &FeatureScaling,
        lambda: impl FnOnce(&System) -> f64,
    ) -> Result<System, HeadError> {
        let damaged = |what: &str| HeadError::Damaged(what.to_owned());
        let dim = self.dim as usize;
        if dim == 0 || self.examples.len().checked_mul(dim) != Some(self.z.len()) {
            return Err(damaged("the features have another length than the examples need"));
        }
        if !self.z.iter().all(|value| value.is_finite()) {
            return Err(damaged("a feature is not finite"));
        }
        let mut system = System::new(dim, scaling, 1.0);
        for class in self.classes {
            system.add_class(ClassId(class)).map_err(|error| damaged(&error.to_string()))?;
        }
        let mut seen = std::collections::HashSet::new();
        let mut examples = Vec::with_capacity(self.examples.len());
        for (id, view, group, class) in self.examples {
            let (id, class) = ((ExampleId(id), view), class as usize);
            if class >= system.classes.len() || !seen.insert(id) {
                return Err(damaged("an example has no class or stands there twice"));
            }
            examples.push(Taught { id, group: GroupId(group), class, weight: 1.0 });
        }
        let rows = self.z.chunks_exact(dim).map(|z| Row::Scaled(z.into())).collect();
        system.extend(examples, rows, lambda);
        Ok(system)
    }
}
