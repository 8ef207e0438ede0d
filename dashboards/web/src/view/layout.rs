//! Where the components of a topology are drawn: in layers from left to right, by the longest way from a spout.

/// An edge between two nodes, by their numbers.
pub(super) type Link = (usize, usize);

/// Sweeps over the layers that bring connected nodes near each other; more change nothing visible.
const SWEEPS: usize = 8;

/// Sizes in pixels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) node_width: f64,
    pub(super) node_height: f64,
    pub(super) column_gap: f64,
    pub(super) row_gap: f64,
    /// Height kept free for an edge that passes a layer.
    pub(super) lane: f64,
}

/// A drawn topology.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// Each node's upper left corner.
    pub(super) nodes: Vec<(f64, f64)>,
    /// Each link's way: the points that its curve passes.
    pub(super) routes: Vec<Vec<(f64, f64)>>,
}

/// Something that has a place in a layer: a node, or a link on its way past the layer.
#[derive(Clone, Copy, Debug)]
struct Item {
    layer: usize,
    is_node: bool,
    y: f64,
}

/// Places `count` nodes. Links to nodes that do not exist, and those that close a cycle, have no route.
pub(super) fn lay_out(count: usize, links: &[Link], sizes: Sizes) -> Layout {
    let layers = layers(count, links);
    let mut items: Vec<Item> =
        layers.iter().map(|layer| Item { layer: *layer, is_node: true, y: 0.0 }).collect();
    let mut chains: Vec<Vec<usize>> = Vec::new();
    for (from, to) in links {
        let forward = *from < count && *to < count && layers[*from] < layers[*to];
        chains.push(if forward { chain(&mut items, *from, *to) } else { Vec::new() });
    }
    let mut columns = vec![Vec::new(); items.iter().map(|item| item.layer + 1).max().unwrap_or(0)];
    for (number, item) in items.iter().enumerate() {
        columns[item.layer].push(number);
    }
    arrange(&mut columns, &chains, items.len());
    let height = stack(&mut items, &columns, sizes);
    let pitch = sizes.node_width + sizes.column_gap;
    let x = |item: &Item| to_f64(item.layer) * pitch;
    let route = |chain: &Vec<usize>| {
        let mut points = Vec::new();
        for (number, item) in chain.iter().map(|item| &items[*item]).enumerate() {
            let middle = item.y + if item.is_node { sizes.node_height } else { sizes.lane } / 2.0;
            // A link leaves its first node on the right, and passes a layer along its whole width.
            if number > 0 {
                points.push((x(item), middle));
            }
            if number + 1 < chain.len() {
                points.push((x(item) + sizes.node_width, middle));
            }
        }
        points
    };
    Layout {
        width: (to_f64(columns.len()) * pitch - sizes.column_gap).max(0.0),
        height,
        nodes: items[..count].iter().map(|item| (x(item), item.y)).collect(),
        routes: chains.iter().map(route).collect(),
    }
}

/// The longest way from a node without inputs; a cycle ends after as many steps as there are nodes.
fn layers(count: usize, links: &[Link]) -> Vec<usize> {
    let mut layers = vec![0; count];
    for _ in 0..count {
        for (from, to) in links {
            if *from < count && *to < count && from != to {
                layers[*to] = layers[*to].max(layers[*from] + 1).min(count - 1);
            }
        }
    }
    layers
}

/// Adds an item for each layer between two nodes, and gives the items from the one to the other.
fn chain(items: &mut Vec<Item>, from: usize, to: usize) -> Vec<usize> {
    let mut chain = vec![from];
    for layer in items[from].layer + 1..items[to].layer {
        chain.push(items.len());
        items.push(Item { layer, is_node: false, y: 0.0 });
    }
    chain.push(to);
    chain
}

/// Sorts each layer by the mean place of what its items are linked with, in turns from the left and from the right.
fn arrange(columns: &mut [Vec<usize>], chains: &[Vec<usize>], count: usize) {
    let mut places = vec![0.0; count];
    let place = |places: &mut Vec<f64>, column: &[usize]| {
        for (number, item) in column.iter().enumerate() {
            places[*item] = (to_f64(number) + 0.5) / to_f64(column.len());
        }
    };
    for column in columns.iter() {
        place(&mut places, column);
    }
    let mut before = vec![Vec::new(); count];
    let mut after = vec![Vec::new(); count];
    for pair in chains.iter().flat_map(|chain| chain.windows(2)) {
        after[pair[0]].push(pair[1]);
        before[pair[1]].push(pair[0]);
    }
    for sweep in 0..SWEEPS {
        let from_left = sweep % 2 == 0;
        let neighbours = if from_left { &before } else { &after };
        let mut order: Vec<usize> = (0..columns.len()).collect();
        if !from_left {
            order.reverse();
        }
        for number in order {
            let column = &mut columns[number];
            let mean = |item: &usize| {
                let linked = &neighbours[*item];
                let sum: f64 = linked.iter().map(|other| places[*other]).sum();
                if linked.is_empty() { places[*item] } else { sum / to_f64(linked.len()) }
            };
            column.sort_by(|a, b| mean(a).total_cmp(&mean(b)));
            place(&mut places, column);
        }
    }
}

/// Stacks each column, centred; gives the height of the whole.
fn stack(items: &mut [Item], columns: &[Vec<usize>], sizes: Sizes) -> f64 {
    let size = |item: &Item| {
        if item.is_node { sizes.node_height } else { sizes.lane }
    };
    let tall = |column: &Vec<usize>| {
        column.iter().map(|item| size(&items[*item]) + sizes.row_gap).sum::<f64>() - sizes.row_gap
    };
    let heights: Vec<f64> = columns.iter().map(tall).collect();
    let height = heights.iter().copied().fold(0.0, f64::max);
    for (column, own) in columns.iter().zip(heights) {
        let mut y = (height - own) / 2.0;
        for number in column {
            items[*number].y = y;
            y += size(&items[*number]) + sizes.row_gap;
        }
    }
    height
}

#[expect(clippy::cast_precision_loss, reason = "a number of components or layers")]
fn to_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SIZES: Sizes =
        Sizes { node_width: 100.0, node_height: 40.0, column_gap: 50.0, row_gap: 10.0, lane: 6.0 };

    #[test]
    fn a_diamond_with_a_short_cut() {
        let layout = lay_out(4, &[(0, 1), (0, 2), (1, 3), (2, 3), (0, 3)], SIZES);
        let columns: Vec<f64> = layout.nodes.iter().map(|(x, _)| *x).collect();
        assert_eq!(columns, [0.0, 150.0, 150.0, 300.0]);
        assert_eq!(layout.routes[4].len(), 4, "the short cut passes the layer between");
    }

    #[test]
    fn a_cycle_and_a_link_to_nowhere_are_survived() {
        let layout = lay_out(2, &[(0, 1), (1, 0), (0, 9)], SIZES);
        assert_eq!(layout.nodes.len(), 2);
        assert_eq!(lay_out(0, &[(0, 1)], SIZES).nodes, []);
    }

    proptest! {
        #[test]
        fn nothing_overlaps(links in proptest::collection::vec((0_usize..9, 0_usize..9), 0..24)) {
            let layout = lay_out(9, &links, SIZES);
            for (number, a) in layout.nodes.iter().enumerate() {
                for b in &layout.nodes[number + 1..] {
                    let apart = (a.0 - b.0).abs() >= SIZES.node_width || (a.1 - b.1).abs() >= SIZES.node_height;
                    prop_assert!(apart, "{a:?} {b:?}");
                }
            }
        }
    }
}
