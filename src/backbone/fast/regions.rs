//! Which parts of a network are computed here, and the network with these parts in place.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, OnceLock};

use tract_core::internal::*;
use tract_core::optim::Optimizer;

use super::lift::lift;
use super::lifted::{Lifted, Order, is_rows, map_of};
use super::net::{Leaves, Net, Node, Op};
use super::operator::Part;
use super::program::Program;
use fieldtune_kernels::Act;

/// A network with parts that are computed here.
pub(super) struct Rewritten {
    pub(super) model: TypedModel,
    /// Which outputs are `[2][channels]`, sums and largest values, instead of maps.
    pub(super) pooled: Vec<bool>,
    pub(super) programs: Vec<(Arc<OnceLock<Program>>, Net)>,
}

/// The parts. A part has a number; it reads only what comes from parts of smaller numbers and what is between them.
struct Parts {
    order: Vec<usize>,
    lifted: HashMap<usize, Lifted>,
    /// Of each operator of a part, which.
    part: HashMap<usize, usize>,
    /// Of each node outside, the last part that it depends on.
    behind: HashMap<usize, usize>,
}

impl Parts {
    /// * `pool`: of each output, whether only sums and largest values of it leave.
    fn of(model: &TypedModel, pool: &[bool]) -> TractResult<Self> {
        let order = model.eval_order()?;
        let lifted =
            order.iter().filter_map(|id| Some((*id, lift(model, model.node(*id), Order::Any)?)));
        let mut parts =
            Self { lifted: lifted.collect(), order, part: HashMap::new(), behind: HashMap::new() };
        loop {
            parts.number(model);
            let worth = parts.worth(model, pool);
            let count = parts.lifted.len();
            parts.lifted.retain(|id, _| worth.contains(id));
            if parts.lifted.len() == count {
                return Ok(parts);
            }
        }
    }

    /// The operators that are worth the way there and back, with those that they hang together with.
    fn worth(&self, model: &TypedModel, pool: &[bool]) -> HashSet<usize> {
        // Of each operator one that stands for all that it hangs together with.
        let mut groups: HashMap<usize, usize> = HashMap::new();
        fn first(groups: &HashMap<usize, usize>, id: usize) -> usize {
            let mut id = id;
            while groups[&id] != id {
                id = groups[&id];
            }
            id
        }
        let values = |outlet: &OutletId| {
            let map = model.outlet_fact(*outlet).ok().and_then(|fact| map_of(fact, Order::Any));
            // An image is read as it is.
            map.filter(|map| map.channels > 4).map_or(0, |map| map.channels * map.pixels())
        };
        for id in self.order.iter().filter(|id| self.part.contains_key(id)) {
            groups.insert(*id, *id);
            for input in &self.lifted[id].inputs {
                if self.part.get(&input.node) == self.part.get(id) {
                    let (own, other) = (first(&groups, *id), first(&groups, input.node));
                    groups.insert(own, other);
                }
            }
        }
        let mut costs: HashMap<usize, Cost> = HashMap::new();
        let mut border: HashSet<(usize, OutletId)> = HashSet::new();
        for id in &self.order {
            let own = groups.contains_key(id).then(|| first(&groups, *id));
            if !self.part.contains_key(id) && !self.behind.contains_key(id) {
                continue;
            }
            if let (Some(own), Some(lifted)) = (own, self.lifted.get(id)) {
                costs.entry(own).or_default().add(model, lifted);
            }
            for input in self.inputs(model, *id) {
                let from = groups.contains_key(&input.node).then(|| first(&groups, input.node));
                if from != own {
                    border.extend(from.into_iter().chain(own).map(|group| (group, input)));
                }
            }
        }
        for (output, _) in model.outputs.iter().zip(pool).filter(|(_, pooled)| !**pooled) {
            if groups.contains_key(&output.node) {
                border.insert((first(&groups, output.node), *output));
            }
        }
        for (group, outlet) in &border {
            costs.entry(*group).or_default().border += values(outlet);
        }
        groups.keys().copied().filter(|id| costs[&first(&groups, *id)].is_worth()).collect()
    }

    /// Numbers the parts, of what the outputs need.
    fn number(&mut self, model: &TypedModel) {
        let mut needed: HashSet<usize> = model.outputs.iter().map(|output| output.node).collect();
        needed.extend(model.inputs.iter().map(|input| input.node));
        for id in self.order.iter().rev() {
            if needed.contains(id) {
                let inputs = self.inputs(model, *id);
                needed.extend(inputs.iter().map(|input| input.node));
            }
        }
        self.part.clear();
        self.behind.clear();
        for id in self.order.iter().filter(|id| needed.contains(id)) {
            let inputs = self.inputs(model, *id);
            let own = inputs.iter().filter_map(|input| self.part.get(&input.node)).max();
            let other = inputs.iter().filter_map(|input| self.behind.get(&input.node)).max();
            let (own, other) = (own.copied().unwrap_or(0), other.copied().unwrap_or(0));
            if self.lifted.contains_key(id) {
                self.part.insert(*id, own.max(other + 1));
            } else {
                self.behind.insert(*id, own.max(other));
            }
        }
    }

    fn inputs(&self, model: &TypedModel, id: usize) -> Vec<OutletId> {
        match self.lifted.get(&id) {
            Some(lifted) => lifted.inputs.clone(),
            None => model.node(id).inputs.to_vec(),
        }
    }
}

/// What operators that hang together have to do, and what it costs to bring values there and back.
#[derive(Default)]
struct Cost {
    /// Multiply-accumulates.
    work: usize,
    /// Values that come and go.
    border: usize,
}

impl Cost {
    /// Multiply-accumulates for each value that comes or goes, at least: with fewer the way there and back takes longer than is gained.
    const LEAST: usize = 128;

    /// Values that cost nothing to speak of.
    const FEW: usize = 1 << 12;

    fn add(&mut self, model: &TypedModel, lifted: &Lifted) {
        let from = lifted.inputs.first().and_then(|input| model.outlet_fact(*input).ok());
        let from = from.and_then(|fact| map_of(fact, Order::Any));
        let (Some(from), values) = (from, lifted.map.channels * lifted.map.pixels()) else {
            return;
        };
        self.work += match &lifted.op {
            Some(Op::Dense(window, _)) => values * from.channels * window.places(),
            // The runtime takes several times as long for them.
            Some(Op::Depthwise(window, _)) => 5 * values * window.places(),
            Some(Op::Attention(_)) => 2 * values * from.pixels(),
            _ => 0,
        };
    }

    fn is_worth(&self) -> bool {
        self.work > 0 && (self.border <= Self::FEW || self.work >= Self::LEAST * self.border)
    }
}

/// Takes what can be computed here out of a network that was not optimised yet.
///
/// * `pool`: of each output, whether only the sums and the largest values of its channels are wanted.
/// * returns `None` where there is nothing for us.
pub(super) fn rewrite(model: &TypedModel, pool: &[bool]) -> TractResult<Option<Rewritten>> {
    let mut model = model.clone();
    Optimizer::prop_consts().optimize(&mut model)?;
    let parts = Parts::of(&model, pool)?;
    let Some(&count) = parts.part.values().max() else { return Ok(None) };
    let mut build = Build {
        model: &model,
        parts: &parts,
        target: TypedModel { symbols: model.symbols.clone(), ..TypedModel::default() },
        places: HashMap::new(),
        pooled: HashMap::new(),
        programs: Vec::new(),
    };
    for number in 0..=count {
        build.between(number)?;
        if number < count {
            build.part(number + 1, pool)?;
        }
    }
    let mut outputs = Vec::new();
    let mut pooled = Vec::new();
    for (output, wanted) in model.outputs.iter().zip(pool) {
        let taken = build.pooled.get(output).filter(|_| *wanted);
        pooled.push(taken.is_some());
        outputs.push(*taken.or_else(|| build.places.get(output)).context("an output is lost")?);
    }
    let Build { mut target, programs, .. } = build;
    target.select_output_outlets(&outputs)?;
    Ok(Some(Rewritten { model: target, pooled, programs }))
}

struct Build<'a> {
    model: &'a TypedModel,
    parts: &'a Parts,
    target: TypedModel,
    /// Where each value is in the new network.
    places: HashMap<OutletId, OutletId>,
    /// Where its sums and largest values are.
    pooled: HashMap<OutletId, OutletId>,
    programs: Vec<(Arc<OnceLock<Program>>, Net)>,
}

impl Build<'_> {
    /// The nodes behind part `number` and before the next one.
    fn between(&mut self, number: usize) -> TractResult<()> {
        let Self { model, parts, .. } = *self;
        for id in parts.order.iter().filter(|id| parts.behind.get(id) == Some(&number)) {
            let node = model.node(*id);
            let inputs: TVec<OutletId> = node
                .inputs
                .iter()
                .map(|input| self.places.get(input).copied().context("an input is lost"))
                .collect::<TractResult<_>>()?;
            let target = &mut self.target;
            let konst = node.outputs.first().and_then(|output| output.fact.konst.clone());
            let outlets = if model.inputs.contains(&(*id).into()) {
                tvec!(target.add_source(node.name.clone(), node.outputs[0].fact.clone())?)
            } else if let (0, Some(konst)) = (inputs.len(), konst) {
                tvec!(target.add_const(node.name.clone(), konst)?)
            } else {
                target.wire_node(node.name.clone(), node.op.clone(), &inputs)?
            };
            for (slot, outlet) in outlets.into_iter().enumerate() {
                self.places.insert(OutletId::new(*id, slot), outlet);
            }
        }
        Ok(())
    }

    fn part(&mut self, number: usize, pool: &[bool]) -> TractResult<()> {
        let Self { model, parts, .. } = *self;
        let mut net = Net::default();
        let mut values: HashMap<OutletId, usize> = HashMap::new();
        let mut outside: TVec<OutletId> = tvec!();
        let inside = |id: &usize| parts.part.get(id) == Some(&number);
        for id in parts.order.iter().filter(|id| inside(id)) {
            let lifted = &parts.lifted[id];
            let mut inputs = Vec::new();
            for input in &lifted.inputs {
                let known = values.get(input).copied();
                inputs.push(match known {
                    Some(value) => value,
                    None => {
                        let fact = model.outlet_fact(*input)?;
                        let map = map_of(fact, Order::Any).context("no map")?;
                        let name = model.node(input.node).name.clone();
                        let op = if is_rows(fact) { Op::Rows } else { Op::Input };
                        let node = Node { name, op, act: Act::NONE, inputs: vec![], map };
                        outside.push(*self.places.get(input).context("an input is lost")?);
                        net.nodes.push(node);
                        values.insert(*input, net.nodes.len() - 1);
                        net.nodes.len() - 1
                    }
                });
            }
            let value = match &lifted.op {
                None => inputs[0],
                Some(op) => {
                    let name = model.node(*id).name.clone();
                    let (op, act, map) = (op.clone(), lifted.act, lifted.map);
                    net.nodes.push(Node { name, op, act, inputs, map });
                    net.nodes.len() - 1
                }
            };
            values.insert((*id).into(), value);
        }
        let (mut planar, mut pooled) = (BTreeSet::new(), BTreeSet::new());
        for id in parts.order.iter().filter(|id| !inside(id)) {
            if parts.part.contains_key(id) || parts.behind.contains_key(id) {
                let read = parts.inputs(model, *id);
                planar.extend(read.into_iter().filter(|input| inside(&input.node)));
            }
        }
        for (output, pool) in
            model.outputs.iter().zip(pool).filter(|(output, _)| inside(&output.node))
        {
            let made = !matches!(net.nodes[values[output]].op, Op::Input | Op::Rows);
            // Rows say nothing of which axis is pooled over.
            if *pool && made && !is_rows(model.outlet_fact(*output)?) {
                pooled.insert(*output)
            } else {
                planar.insert(*output)
            };
        }
        let mut shapes = Vec::new();
        for outlet in &planar {
            let fact = model.outlet_fact(*outlet)?;
            shapes.push(fact.shape.as_concrete().context("no shape")?.iter().copied().collect());
            let leaves = if is_rows(fact) { Leaves::Rows } else { Leaves::Planar };
            net.outputs.push((values[outlet], leaves));
        }
        for outlet in &pooled {
            shapes.push(tvec!(2, net.nodes[values[outlet]].map.channels));
            net.outputs.push((values[outlet], Leaves::Pooled));
        }
        let program = Arc::new(OnceLock::new());
        let part = Part { program: program.clone(), shapes };
        let outlets = self.target.wire_node(format!("fieldtune.{number}"), part, &outside)?;
        self.programs.push((program, net.fuse()));
        let (maps, sums) = outlets.split_at(planar.len());
        self.places.extend(planar.into_iter().zip(maps.iter().copied()));
        self.pooled.extend(pooled.into_iter().zip(sums.iter().copied()));
        Ok(())
    }
}
