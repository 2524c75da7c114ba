//! The values that a file carries: checked against their shapes, widened to f32.

use half::{bf16, f16};
use tract_onnx::pb::TensorProto;
use tract_onnx::pb::tensor_proto::DataType;

pub(super) const FLOAT: i32 = DataType::Float as i32;
const FLOAT16: i32 = DataType::Float16 as i32;
const BFLOAT16: i32 = DataType::Bfloat16 as i32;

/// Whether a type is one of the two half precisions.
pub(super) fn is_half(data_type: i32) -> bool {
    data_type == FLOAT16 || data_type == BFLOAT16
}

/// What is wrong with a tensor of the file: more or less data than its shape says, NaN or infinity.
///
/// * `weight`: it may not hold an infinity; constants between the layers (limits, masks) may.
pub(super) fn complaint(tensor: &TensorProto, weight: bool) -> Option<String> {
    let shape = &tensor.dims;
    let count = shape.iter().try_fold(1_u64, |count, &dim| {
        u64::try_from(dim).ok().and_then(|dim| count.checked_mul(dim))
    });
    let Some(wanted) = count else {
        return Some(format!("its shape {shape:?} is not one"));
    };
    let Some(got) = values(tensor) else {
        return Some(format!("its element type {} is not supported", type_name(tensor.data_type)));
    };
    if got != wanted {
        return Some(format!(
            "its shape {shape:?} wants {wanted} values, the file has {got}: the file is damaged or cut off"
        ));
    }
    let (index, value) = floats(tensor)
        .enumerate()
        .find(|(_, value)| if weight { !value.is_finite() } else { value.is_nan() })?;
    Some(format!("its value {index} is {value}: the file is damaged"))
}

pub(super) fn type_name(data_type: i32) -> String {
    DataType::try_from(data_type).map_or(data_type.to_string(), |known| format!("{known:?}"))
}

/// How many values the file holds for a tensor; `None` for a type that no image network has. Bytes that are not a
/// whole number of values count as one value more, so that they fit no shape.
fn values(tensor: &TensorProto) -> Option<u64> {
    let width = width(tensor.data_type)?;
    if !tensor.raw_data.is_empty() {
        return Some(tensor.raw_data.len().div_ceil(width) as u64);
    }
    let listed = [
        tensor.float_data.len(),
        tensor.int32_data.len(),
        tensor.int64_data.len(),
        tensor.double_data.len(),
        tensor.uint64_data.len(),
    ];
    Some(listed.iter().sum::<usize>() as u64)
}

/// Bytes of a value; `None` for a type that no image network has.
fn width(data_type: i32) -> Option<usize> {
    Some(match DataType::try_from(data_type).ok()? {
        DataType::Float | DataType::Int32 | DataType::Uint32 => 4,
        DataType::Double | DataType::Int64 | DataType::Uint64 => 8,
        DataType::Float16 | DataType::Bfloat16 | DataType::Int16 | DataType::Uint16 => 2,
        DataType::Int8 | DataType::Uint8 | DataType::Bool => 1,
        _ => return None,
    })
}

/// Bytes that a tensor's shape and type want.
///
/// # Errors
/// What is wrong with its shape or its type, in words.
pub(super) fn bytes_of(tensor: &TensorProto) -> Result<usize, String> {
    let shape = &tensor.dims;
    let Some(width) = width(tensor.data_type) else {
        return Err(format!("its element type {} is not supported", type_name(tensor.data_type)));
    };
    shape
        .iter()
        .try_fold(width, |bytes, &dim| bytes.checked_mul(usize::try_from(dim).ok()?))
        .ok_or_else(|| format!("its shape {shape:?} is not one"))
}

/// The values of a floating-point tensor as f32; none of other types.
pub(super) fn floats(tensor: &TensorProto) -> Box<dyn Iterator<Item = f32> + '_> {
    let raw = &tensor.raw_data;
    match DataType::try_from(tensor.data_type) {
        Ok(DataType::Float) if raw.is_empty() => Box::new(tensor.float_data.iter().copied()),
        Ok(DataType::Float) => {
            Box::new(raw.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)))
        }
        Ok(DataType::Float16) => Box::new(bits(tensor).map(|bits| f16::from_bits(bits).to_f32())),
        Ok(DataType::Bfloat16) => Box::new(bits(tensor).map(|bits| bf16::from_bits(bits).to_f32())),
        _ => Box::new(std::iter::empty()),
    }
}

/// The bits of a tensor of 16-bit values: raw, or the low half of the listed integers.
fn bits(tensor: &TensorProto) -> impl Iterator<Item = u16> + '_ {
    let raw = tensor.raw_data.as_chunks().0.iter().map(|&bytes| u16::from_le_bytes(bytes));
    raw.chain(tensor.int32_data.iter().map(|&bits| bits as u16))
}

/// The values of a tensor of integers of up to 32 bits; `None` of other types.
pub(super) fn integers(tensor: &TensorProto) -> Option<Vec<i64>> {
    let raw = &tensor.raw_data;
    let kind = DataType::try_from(tensor.data_type).ok()?;
    let from_raw: Vec<i64> = match kind {
        DataType::Uint8 => raw.iter().map(|&byte| i64::from(byte)).collect(),
        DataType::Int8 => raw.iter().map(|&byte| i64::from(byte as i8)).collect(),
        DataType::Uint16 => bits(tensor).map(i64::from).collect(),
        DataType::Int16 => bits(tensor).map(|bits| i64::from(bits as i16)).collect(),
        DataType::Int32 => {
            raw.as_chunks().0.iter().map(|&bytes| i64::from(i32::from_le_bytes(bytes))).collect()
        }
        _ => return None,
    };
    let listed = || tensor.int32_data.iter().map(|&value| i64::from(value)).collect();
    Some(if raw.is_empty() { listed() } else { from_raw })
}

/// Makes a half-precision tensor f32; others are left alone.
pub(super) fn widen(tensor: &mut TensorProto) {
    if is_half(tensor.data_type) {
        tensor.raw_data = floats(tensor).flat_map(f32::to_le_bytes).collect();
        tensor.int32_data.clear();
        tensor.data_type = FLOAT;
    }
}
