//! What `percentile_approx` remembers of its groups: all of their values, as they are, or each of them once with its count where they
//! come back from a store.

use std::mem::size_of;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BooleanArray, Int64Array, ListArray, PrimitiveArray,
    downcast_primitive,
};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{and, is_not_null, prep_null_mask_filter};
use arrow::datatypes::{ArrowNativeTypeOp, DataType, Field, Int64Type};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_datafusion_err, plan_err};
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

/// The columns of a state: the values of a group, and how often each was there. No counts: each was there once.
pub(crate) fn state_columns(kind: DataType) -> [DataType; 2] {
    [list_of(kind), list_of(DataType::Int64)]
}

/// The same states with each value of a group once: smaller where values repeat, and sorted.
///
/// # Errors
/// Where the columns are no states of `percentile_approx`.
pub fn compact_percentile_states(states: &[ArrayRef]) -> Result<Vec<ArrayRef>> {
    let [values, _] = states else {
        return Err(exec_datafusion_err!("a state of `percentile_approx` has two columns"));
    };
    let kind = values.as_list_opt::<i32>().ok_or_else(no_state)?.value_type();
    let asked = Asked { shares: Vec::new(), is_list: false, kind: kind.clone() };
    macro_rules! of {
        ($type:ty) => {{
            let mut groups = Percentiles::<$type>::new(asked);
            let numbers: Vec<usize> = (0..values.len()).collect();
            GroupsAccumulator::merge_batch(&mut groups, states, &numbers, values.len())?;
            groups.groups.iter_mut().for_each(Group::compact);
            groups.room = groups.groups.iter().map(Group::room).sum();
            GroupsAccumulator::state(&mut groups, EmitTo::All)
        }};
    }
    downcast_primitive! {
        &kind => (of),
        other => plan_err!("`percentile_approx` takes numbers or times, not {other}"),
    }
}

fn no_state() -> DataFusionError {
    exec_datafusion_err!("a state of `percentile_approx` is no list")
}

/// The values of a group, without nulls.
struct Group<N> {
    values: Vec<N>,
    /// More values, with how often each is there.
    counted: Vec<(N, i64)>,
}

impl<N> Default for Group<N> {
    fn default() -> Self {
        Self { values: Vec::new(), counted: Vec::new() }
    }
}

impl<N: ArrowNativeTypeOp> Group<N> {
    fn room(&self) -> usize {
        self.values.capacity() * size_of::<N>() + self.counted.capacity() * size_of::<(N, i64)>()
    }

    /// Each value once, in order.
    fn compact(&mut self) {
        self.counted.extend(self.values.drain(..).map(|value| (value, 1)));
        self.counted.sort_unstable_by(|(a, _), (b, _)| a.compare(*b));
        self.counted.dedup_by(|(value, count), (before, count_before)| {
            let is_same = before.compare(*value).is_eq();
            *count_before += if is_same { *count } else { 0 };
            is_same
        });
    }

    /// The values at the shares' places; none of none. The rank is the share of the count, rounded up.
    fn at_shares(&mut self, shares: &[f64]) -> Vec<Option<N>> {
        if self.counted.is_empty() {
            return at_shares(shares, &mut self.values);
        }
        self.compact();
        let count: i64 = self.counted.iter().map(|(_, count)| count).sum();
        let pick = |share: &f64| {
            let mut left = ((share * count as f64).ceil() as i64).clamp(1, count);
            let at = self.counted.iter().find(|(_, count)| {
                left -= count;
                left <= 0
            });
            at.map(|(value, _)| *value)
        };
        shares.iter().map(pick).collect()
    }
}

/// The values of each group.
struct Percentiles<T: ArrowPrimitiveType> {
    asked: Asked,
    groups: Vec<Group<T::Native>>,
    /// The bytes of all groups' values.
    room: usize,
}

impl<T: ArrowPrimitiveType> Percentiles<T> {
    fn new(asked: Asked) -> Self {
        Self { asked, groups: Vec::new(), room: 0 }
    }

    fn add(&mut self, group: usize, add: impl FnOnce(&mut Group<T::Native>)) {
        let group = &mut self.groups[group];
        let before = group.room();
        add(group);
        self.room += group.room() - before;
    }

    fn take(&mut self, emit_to: EmitTo) -> Vec<Group<T::Native>> {
        let taken = emit_to.take_needed(&mut self.groups);
        self.room -= taken.iter().map(Group::room).sum::<usize>();
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
        self.groups.resize_with(total_num_groups, Group::default);
        let values = values[0].as_primitive::<T>();
        let wanted = wanted(values, opt_filter)?;
        for (row, (group, value)) in group_indices.iter().zip(values.values()).enumerate() {
            if wanted.as_ref().is_none_or(|wanted| wanted.value(row)) {
                let values = &mut self.groups[*group].values;
                let before = values.capacity();
                values.push(*value);
                self.room += (values.capacity() - before) * size_of::<T::Native>();
            }
        }
        Ok(())
    }

    fn merge_batch(&mut self, values: &[ArrayRef], group_indices: &[usize], total_num_groups: usize) -> Result<()> {
        self.groups.resize_with(total_num_groups, Group::default);
        let lists = values[0].as_list_opt::<i32>().ok_or_else(no_state)?;
        let counts = values[1].as_list_opt::<i32>().ok_or_else(no_state)?;
        let values = lists.values().as_primitive::<T>().values();
        for (row, group) in group_indices.iter().enumerate().filter(|(row, _)| lists.is_valid(*row)) {
            let from = lists.value_offsets()[row] as usize;
            let values = &values[from..from + lists.value_length(row) as usize];
            if counts.is_null(row) {
                self.add(*group, |group| group.values.extend_from_slice(values));
            } else {
                let counts = counts.value(row);
                let counts = counts.as_primitive::<Int64Type>().values();
                self.add(*group, |group| group.counted.extend(values.iter().copied().zip(counts.iter().copied())));
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let mut taken = self.take(emit_to);
        let shares = if self.asked.is_list { &self.asked.shares[..] } else { &self.asked.shares[..1] };
        let picked = self.array(taken.iter_mut().flat_map(|group| group.at_shares(shares)));
        if !self.asked.is_list {
            return Ok(Arc::new(picked));
        }
        let nulls = taken.iter().map(|group| !group.values.is_empty() || !group.counted.is_empty()).collect();
        Ok(self.lists(taken.iter().map(|_| shares.len()), picked, Some(nulls)))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        let taken = self.take(emit_to);
        let lengths: Vec<usize> = taken.iter().map(|group| group.values.len() + group.counted.len()).collect();
        if i32::try_from(lengths.iter().sum::<usize>()).is_err() {
            return Err(exec_datafusion_err!("`percentile_approx` takes 2^31 values at most"));
        }
        let has_counts: NullBuffer = taken.iter().map(|group| !group.counted.is_empty()).collect();
        let count_lengths = lengths.iter().zip(&has_counts).map(|(length, counted)| if counted { *length } else { 0 });
        let count_lengths: Vec<usize> = count_lengths.collect();
        let mut all = Vec::with_capacity(lengths.iter().sum());
        let mut counts = Vec::with_capacity(count_lengths.iter().sum());
        // One after the other, so that no two copies of all of them are held.
        for group in taken {
            if !group.counted.is_empty() {
                counts.extend(std::iter::repeat_n(1, group.values.len()));
                counts.extend(group.counted.iter().map(|(_, count)| count));
            }
            all.extend_from_slice(&group.values);
            all.extend(group.counted.iter().map(|(value, _)| value));
        }
        let all = PrimitiveArray::<T>::new(all.into(), None).with_data_type(self.asked.kind.clone());
        Ok(vec![self.lists(lengths, all, None), count_lists(count_lengths, counts, has_counts)])
    }

    fn convert_to_state(&self, values: &[ArrayRef], opt_filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = values[0].as_primitive::<T>();
        let nulls = wanted(values, opt_filter)?.map(|wanted| NullBuffer::new(wanted.values().clone()));
        let plain = PrimitiveArray::<T>::new(values.values().clone(), None).with_data_type(self.asked.kind.clone());
        let counts = count_lists(vec![0; values.len()], Vec::new(), NullBuffer::new_null(values.len()));
        Ok(vec![self.lists(std::iter::repeat_n(1, values.len()), plain, nulls), counts])
    }

    fn size(&self) -> usize {
        self.groups.capacity() * size_of::<Group<T::Native>>() + self.room
    }
}

fn count_lists(lengths: Vec<usize>, counts: Vec<i64>, has_counts: NullBuffer) -> ArrayRef {
    let item = Arc::new(Field::new_list_field(DataType::Int64, true));
    let offsets = OffsetBuffer::from_lengths(lengths);
    Arc::new(ListArray::new(item, offsets, Arc::new(Int64Array::from(counts)), Some(has_counts)))
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
        let shares = &self.0.asked.shares;
        let picked =
            self.0.groups.first_mut().map_or_else(|| vec![None; shares.len()], |group| group.at_shares(shares));
        let is_empty = picked.iter().all(Option::is_none);
        let picked = self.0.array(picked);
        Ok(match self.0.asked.is_list {
            false => ScalarValue::try_from_array(&picked, 0)?,
            true if is_empty => ScalarValue::try_from(&list_of(self.0.asked.kind.clone()))?,
            true => SingleRowListArrayBuilder::new(Arc::new(picked)).build_list_scalar(),
        })
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.0.groups.resize_with(1, Group::default);
        let states = GroupsAccumulator::state(&mut self.0, EmitTo::All)?;
        states.iter().map(|state| ScalarValue::try_from_array(state, 0)).collect()
    }

    fn size(&self) -> usize {
        size_of::<Self>() + GroupsAccumulator::size(&self.0)
    }
}
