//! What `percentile_approx` remembers of its groups: all of their values, as they are.

use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, ListArray, PrimitiveArray, downcast_primitive,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{and, is_not_null, prep_null_mask_filter};
use arrow::datatypes::{ArrowNativeTypeOp, DataType, Field};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, plan_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

/// What is asked of the values.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// From 0 to 1, one at least.
    pub shares: Vec<f64>,
    /// The answer is a list, with a value for each share.
    pub is_list: bool,
    /// The type of the values.
    pub kind: DataType,
}

/// Remembers the values of groups of that type.
///
/// # Errors
/// Where it is no number and no time.
pub(crate) fn groups(asked: Asked) -> Result<Box<dyn GroupsAccumulator>> {
    macro_rules! of {
        ($type:ty) => {
            Ok(Box::new(Percentiles::<$type>::new(asked)))
        };
    }
    downcast_primitive! {
        &asked.kind => (of),
        other => plan_err!("`percentile_approx` takes numbers or times, not {other}"),
    }
}

/// Remembers the values of a single group.
///
/// # Errors
/// As [`groups`].
pub(crate) fn single(asked: Asked) -> Result<Box<dyn Accumulator>> {
    macro_rules! of {
        ($type:ty) => {
            Ok(Box::new(OneGroup(Percentiles::<$type>::new(asked))))
        };
    }
    downcast_primitive! {
        &asked.kind => (of),
        other => plan_err!("`percentile_approx` takes numbers or times, not {other}"),
    }
}

pub(crate) fn list_of(item: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(item, true)))
}

/// The values of each group, without nulls.
struct Percentiles<T: ArrowPrimitiveType> {
    asked: Asked,
    groups: Vec<Vec<T::Native>>,
    /// How many values there is room for.
    room: usize,
}

impl<T: ArrowPrimitiveType> Percentiles<T> {
    fn new(asked: Asked) -> Self {
        Self { asked, groups: Vec::new(), room: 0 }
    }

    fn add(&mut self, group: usize, values: &[T::Native]) {
        let group = &mut self.groups[group];
        let before = group.capacity();
        group.extend_from_slice(values);
        self.room += group.capacity() - before;
    }

    fn take(&mut self, emit_to: EmitTo) -> Vec<Vec<T::Native>> {
        let taken = emit_to.take_needed(&mut self.groups);
        self.room -= taken.iter().map(Vec::capacity).sum::<usize>();
        taken
    }

    fn array(&self, values: impl IntoIterator<Item = Option<T::Native>>) -> PrimitiveArray<T> {
        values.into_iter().collect::<PrimitiveArray<T>>().with_data_type(self.asked.kind.clone())
    }

    /// Lists of these lengths, one behind the other in `values`.
    fn lists(
        &self,
        lengths: impl IntoIterator<Item = usize>,
        values: PrimitiveArray<T>,
        nulls: Option<NullBuffer>,
    ) -> ArrayRef {
        let item = Arc::new(Field::new_list_field(self.asked.kind.clone(), true));
        Arc::new(ListArray::new(item, OffsetBuffer::from_lengths(lengths), Arc::new(values), nulls))
    }
}

/// The values at the shares' places; none of none. The rank is the share of the count, rounded up.
fn at_shares<N: ArrowNativeTypeOp>(shares: &[f64], values: &mut [N]) -> Vec<Option<N>> {
    let count = values.len();
    let pick = |share: &f64| {
        let rank = (share * count as f64).ceil() as usize;
        let place = rank.clamp(1, count) - 1;
        *values.select_nth_unstable_by(place, |a, b| a.compare(*b)).1
    };
    if count == 0 { vec![None; shares.len()] } else { shares.iter().map(pick).map(Some).collect() }
}

impl<T: ArrowPrimitiveType> GroupsAccumulator for Percentiles<T> {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        group_indices: &[usize],
        opt_filter: Option<&BooleanArray>,
        total_num_groups: usize,
    ) -> Result<()> {
        self.groups.resize_with(total_num_groups, Vec::new);
        let values = values[0].as_primitive::<T>();
        let wanted = wanted(values, opt_filter)?;
        for (row, (group, value)) in group_indices.iter().zip(values.values()).enumerate() {
            if wanted.as_ref().is_none_or(|wanted| wanted.value(row)) {
                self.add(*group, std::slice::from_ref(value));
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.groups.resize_with(total_num_groups, Vec::new);
        let lists = values[0].as_list_opt::<i32>();
        let lists = lists.ok_or_else(|| exec_datafusion_err!("a state of `percentile_approx` is no list"))?;
        let values = lists.values().as_primitive::<T>().values();
        for (row, group) in group_indices.iter().enumerate().filter(|(row, _)| lists.is_valid(*row)) {
            let from = lists.value_offsets()[row] as usize;
            self.add(*group, &values[from..from + lists.value_length(row) as usize]);
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let mut taken = self.take(emit_to);
        let shares = if self.asked.is_list { &self.asked.shares[..] } else { &self.asked.shares[..1] };
        let picked = self.array(taken.iter_mut().flat_map(|values| at_shares(shares, values)));
        if !self.asked.is_list {
            return Ok(Arc::new(picked));
        }
        let nulls = taken.iter().map(|values| !values.is_empty()).collect();
        Ok(self.lists(taken.iter().map(|_| shares.len()), picked, Some(nulls)))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let taken = self.take(emit_to);
        if i32::try_from(taken.iter().map(Vec::len).sum::<usize>()).is_err() {
            return Err(exec_datafusion_err!("`percentile_approx` takes 2^31 values at most"));
        }
        let lengths: Vec<usize> = taken.iter().map(Vec::len).collect();
        let mut all = Vec::with_capacity(lengths.iter().sum());
        // One after the other, so that no two copies of all of them are held.
        taken.into_iter().for_each(|values| all.extend_from_slice(&values));
        let all = PrimitiveArray::<T>::new(all.into(), None).with_data_type(self.asked.kind.clone());
        Ok(vec![self.lists(lengths, all, None)])
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = values[0].as_primitive::<T>();
        let nulls = wanted(values, opt_filter)?.map(|wanted| NullBuffer::new(wanted.values().clone()));
        let plain = PrimitiveArray::<T>::new(values.values().clone(), None).with_data_type(self.asked.kind.clone());
        Ok(vec![self.lists(std::iter::repeat_n(1, values.len()), plain, nulls)])
    }

    fn size(&self) -> usize {
        self.groups.capacity() * size_of::<Vec<T::Native>>() + self.room * size_of::<T::Native>()
    }
}

/// Which values count, where not all do.
fn wanted<T: ArrowPrimitiveType>(
    values: &PrimitiveArray<T>,
    filter: Option<&BooleanArray>,
) -> Result<Option<BooleanArray>> {
    let filter =
        filter.map(|filter| if filter.null_count() > 0 { prep_null_mask_filter(filter) } else { filter.clone() });
    Ok(match (values.null_count() > 0, filter) {
        (false, filter) => filter,
        (true, None) => Some(is_not_null(values)?),
        (true, Some(filter)) => Some(and(&is_not_null(values)?, &filter)?),
    })
}

/// A group that is the only one. Its answer may be asked for again and again while it grows: over the rows of a window.
struct OneGroup<T: ArrowPrimitiveType>(Percentiles<T>);

impl<T: ArrowPrimitiveType> std::fmt::Debug for OneGroup<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("OneGroup").field(&self.0.asked).finish_non_exhaustive()
    }
}

impl<T: ArrowPrimitiveType> Accumulator for OneGroup<T> {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.0.update_batch(values, &vec![0; values[0].len()], None, 1)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.0.merge_batch(states, &vec![0; states[0].len()], 1)
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let picked = at_shares(&self.0.asked.shares, self.0.groups.first_mut().map_or(&mut [][..], Vec::as_mut_slice));
        let is_empty = picked.iter().all(Option::is_none);
        let picked = self.0.array(picked);
        Ok(match self.0.asked.is_list {
            false => ScalarValue::try_from_array(&picked, 0)?,
            true if is_empty => ScalarValue::try_from(&list_of(self.0.asked.kind.clone()))?,
            true => SingleRowListArrayBuilder::new(Arc::new(picked)).build_list_scalar(),
        })
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.groups.resize_with(1, Vec::new);
        let states = GroupsAccumulator::state(&mut self.0, EmitTo::All)?;
        states.iter().map(|state| ScalarValue::try_from_array(state, 0)).collect()
    }

    fn size(&self) -> usize {
        size_of::<Self>() + GroupsAccumulator::size(&self.0)
    }
}
