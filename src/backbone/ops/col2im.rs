//! Col2Im: patches to an image, what overlaps is added up.

use super::*;

pub(super) fn col2im(_: &ParsingContext, node: &NodeProto) -> ParsedOperator {
    let list = |name: &str| -> TractResult<Option<Vec<i64>>> { node.get_attr_opt_vec(name) };
    let op =
        Col2Im { dilations: list("dilations")?, pads: list("pads")?, strides: list("strides")? };
    Ok((expand(op), vec![]))
}

#[derive(Debug, Clone)]
struct Col2Im {
    dilations: Option<Vec<i64>>,
    pads: Option<Vec<i64>>,
    strides: Option<Vec<i64>>,
}

/// A number of an axis.
fn values(tensor: &Tensor) -> TractResult<Vec<usize>> {
    let values = tensor.cast_to::<i64>()?;
    values.to_plain_array_view::<i64>()?.iter().map(|&v| Ok(usize::try_from(v)?)).collect()
}

impl Expansion for Col2Im {
    fn name(&self) -> StaticName {
        "Col2Im".into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        s: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, 3)?;
        check_output_arity(outputs, 1)?;
        s.equals(&inputs[0].datum_type, &outputs[0].datum_type)?;
        s.equals(&inputs[0].shape[0], &outputs[0].shape[0])?;
        s.given_2(&inputs[1].value, &inputs[2].value, move |s, image, block| {
            let (image, block) = (values(&image)?, values(&block)?);
            s.equals(&outputs[0].rank, 2 + image.len() as i64)?;
            for (axis, &side) in image.iter().enumerate() {
                s.equals(&outputs[0].shape[2 + axis], side.to_dim())?;
            }
            let block: usize = block.iter().product();
            s.given(&inputs[0].shape[1], move |s, rows| {
                s.equals(&outputs[0].shape[1], rows / block.max(1))
            })
        })
    }

    fn wire(
        &self,
        prefix: &str,
        model: &mut TypedModel,
        inputs: &[OutletId],
    ) -> TractResult<TVec<OutletId>> {
        let constant = |input: usize| -> TractResult<Vec<usize>> {
            let fact = model.outlet_fact(inputs[input])?;
            values(fact.konst.as_ref().context("the shapes of Col2Im depend on the image")?)
        };
        let (image, block) = (constant(1)?, constant(2)?);
        let axes = image.len();
        let list =
            |list: &Option<Vec<i64>>, default: usize, count: usize| -> TractResult<Vec<usize>> {
                let Some(list) = list else { return Ok(vec![default; count]) };
                ensure!(list.len() == count, "Col2Im: {count} numbers were wanted, got {list:?}");
                list.iter().map(|&value| Ok(usize::try_from(value)?)).collect()
            };
        let fold = Fold {
            dilations: list(&self.dilations, 1, axes)?,
            pads: list(&self.pads, 0, 2 * axes)?,
            strides: list(&self.strides, 1, axes)?,
            image,
            block,
        };
        let small = |sides: &[usize]| sides.iter().all(|&side| side <= 1 << 12);
        ensure!(
            axes <= 3 && small(&fold.image) && small(&fold.block),
            "Col2Im of {:?} and {:?}, wanted sides of at most 4096",
            fold.image,
            fold.block
        );
        ensure!(fold.block.len() == axes && axes > 0, "Col2Im: image and block differ in axes");
        ensure!(!fold.strides.contains(&0) && !fold.block.contains(&0), "Col2Im: a step is 0");
        let sides = sides(model, inputs[0])?;
        let patches: usize = (0..axes).map(|axis| fold.patches(axis)).product();
        let block: usize = fold.block.iter().product();
        ensure!(
            sides.len() == 3 && sides[1] % block == 0 && sides[2] == patches,
            "Col2Im: {sides:?} are not {patches} patches of {:?}",
            fold.block
        );
        model.wire_node(prefix, fold, &inputs[..1])
    }
}

/// With everything known.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Fold {
    image: Vec<usize>,
    block: Vec<usize>,
    dilations: Vec<usize>,
    /// All beginnings, then all ends.
    pads: Vec<usize>,
    strides: Vec<usize>,
}

impl Fold {
    /// How many patches there are along an axis.
    fn patches(&self, axis: usize) -> usize {
        let padded = self.image[axis] + self.pads[axis] + self.pads[axis + self.image.len()];
        let covered = self.dilations[axis] * (self.block[axis] - 1) + 1;
        padded.checked_sub(covered).map_or(0, |rest| rest / self.strides[axis] + 1)
    }
}

impl Op for Fold {
    fn name(&self) -> StaticName {
        "Col2Im".into()
    }

    op_as_typed_op!();
}

impl EvalOp for Fold {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let input = args_1!(inputs);
        let patches: Vec<usize> = (0..self.image.len()).map(|axis| self.patches(axis)).collect();
        let (block, count): (usize, usize) =
            (self.block.iter().product(), patches.iter().product());
        let channels = input.shape()[1] / block;
        let shape: TVec<usize> =
            [input.shape()[0], channels].into_iter().chain(self.image.iter().copied()).collect();
        let input = input.to_plain_array_view::<f32>()?;
        let input = input.as_slice().context("values that lie apart")?;
        let size: usize = self.image.iter().product();
        // Where each value of a channel's patches goes; in the padding it is lost.
        let place = |offset: usize, patch: usize| -> Option<usize> {
            let (mut offset, mut patch, mut place, mut step) = (offset, patch, 0, 1);
            for axis in (0..self.image.len()).rev() {
                let at = patch % patches[axis] * self.strides[axis]
                    + offset % self.block[axis] * self.dilations[axis];
                let at = at.checked_sub(self.pads[axis]).filter(|at| *at < self.image[axis])?;
                place += at * step;
                step *= self.image[axis];
                (offset, patch) = (offset / self.block[axis], patch / patches[axis]);
            }
            Some(place)
        };
        let places: Vec<Option<usize>> = (0..block)
            .flat_map(|offset| (0..count).map(move |patch| (offset, patch)))
            .map(|(o, p)| place(o, p))
            .collect();
        let mut image = vec![0.0_f32; shape.iter().product()];
        if places.is_empty() || size == 0 {
            return Ok(tvec!(Tensor::from_shape(&shape, &image)?.into_tvalue()));
        }
        for (plane, values) in image.chunks_exact_mut(size).zip(input.chunks_exact(places.len())) {
            for (place, value) in places.iter().zip(values) {
                if let Some(place) = place {
                    plane[*place] += value;
                }
            }
        }
        Ok(tvec!(Tensor::from_shape(&shape, &image)?.into_tvalue()))
    }
}

impl TypedOp for Fold {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let block: usize = self.block.iter().product();
        let mut shape = tvec!(inputs[0].shape[0].clone(), inputs[0].shape[1].clone() / block);
        shape.extend(self.image.iter().map(|side| side.to_dim()));
        Ok(tvec!(inputs[0].datum_type.fact(shape)))
    }

    as_op!();
}
