// Blocks from jumps and their targets, successors through jumps, liveness backwards until nothing changes, the order.
#include "jit/flow.hpp"

#include <algorithm>
#include <ranges>

namespace skep::jit {
namespace {

using isa::Operation;
using lower::Code;
using lower::Op;

constexpr RegSet kAll = UINT16_MAX;

/// Where jumps to nothing but another jump lead in the end. Programs may jump in circles where nobody comes.
std::uint32_t last_jump(std::span<const Op> code, std::uint32_t op) {
  constexpr unsigned kSteps = 16;
  for (unsigned i = 0; i < kSteps; ++i) {
    const Op& at = code[op];
    if (lower::shape_of(at.code).operation != Operation::ja_) break;
    op += static_cast<std::uint32_t>(at.off);
  }
  return op;
}

/// What is live before something with these effects.
RegSet before(Effects effects, RegSet after) noexcept {
  return static_cast<RegSet>((after & ~effects.writes) | effects.reads);
}

class FlowMaker {
 public:
  FlowMaker(std::span<const Op> code, std::span<const OpPlan> plans, std::uint32_t first, std::uint32_t end)
      : code_(code), plans_(plans), first_(first), end_(end) {}

  Flow make(RegSet unused) {
    find_blocks();
    find_successors();
    find_reachable();
    find_loops();
    find_liveness();
    choose_order();
    hoist_constants(unused);
    return std::move(flow_);
  }

 private:
  [[nodiscard]] const Op& op(std::uint32_t index) const { return code_[index]; }
  [[nodiscard]] std::uint32_t block_at(std::uint32_t op) const { return blocks_at_[op - first_]; }

  /// And what each reads before it writes, and what it writes.
  void find_blocks() {
    blocks_at_.resize(end_ - first_);
    const auto plans = plans_.subspan(first_, end_ - first_);
    const auto blocks = std::count_if(plans.begin(), plans.end(), [](const OpPlan& op) { return op.starts_flow; });
    flow_.blocks.reserve(static_cast<std::size_t>(blocks));
    sums_.reserve(static_cast<std::size_t>(blocks));
    Effects sum;
    for (std::uint32_t i = first_; i < end_; ++i) {
      const OpPlan& plan = plans_[i];
      if (plan.starts_flow) {
        end_block(i, sum);
        blocks_at_[i - first_] = static_cast<std::uint32_t>(flow_.blocks.size());
        flow_.blocks.emplace_back().first = i;
        sum = {};
      }
      sum.reads |= static_cast<RegSet>(plan.effects.reads & ~sum.writes);
      sum.writes |= plan.effects.writes;
    }
    end_block(end_, sum);
  }

  void end_block(std::uint32_t end, const Effects& sum) {
    if (flow_.blocks.empty()) return;
    flow_.blocks.back().end = end;
    sums_.push_back(sum);
  }

  void find_successors() {
    for (std::uint32_t b = 0; b < flow_.blocks.size(); ++b) {
      Block& block = flow_.blocks[b];
      const std::uint32_t last = block.end - 1;
      if (goes_to(op(last))) {
        const std::uint32_t target = block_at(last_jump(code_, last + static_cast<std::uint32_t>(op(last).off)));
        (ends_flow(op(last)) ? block.next : block.taken) = target;
      }
      if (!ends_flow(op(last)) && block.end < end_) block.next = block_at(last_jump(code_, block.end));
      if (block.taken == block.next) block.taken = kNoBlock;
      goes_back_ = goes_back_ || block.taken <= b || block.next <= b;
    }
  }

  void find_reachable() {
    std::vector<std::uint32_t> open{0};
    flow_.blocks[0].place = 0;  // for now: reached
    flow_.blocks[0].predecessors = 1;
    while (!open.empty()) {
      const Block& block = flow_.blocks[open.back()];
      open.pop_back();
      for (const std::uint32_t successor : {block.next, block.taken}) {
        if (successor == kNoBlock) continue;
        Block& reached = flow_.blocks[successor];
        ++reached.predecessors;
        if (reached.place == 0) continue;
        reached.place = 0;
        open.push_back(successor);
      }
    }
  }

  /// Loops as compilers lay them out: from where a jump back leads to where it comes from.
  void find_loops() {
    if (!goes_back_) return;
    std::vector<std::int32_t> change(flow_.blocks.size() + 1);
    for (std::uint32_t i = 0; i < flow_.blocks.size(); ++i) {
      if (flow_.blocks[i].place != 0) continue;
      for (const std::uint32_t successor : {flow_.blocks[i].next, flow_.blocks[i].taken}) {
        if (successor == kNoBlock || successor > i) continue;
        ++change[successor];
        --change[i + 1];
      }
    }
    std::int32_t depth = 0;
    for (std::uint32_t i = 0; i < flow_.blocks.size(); ++i) {
      depth += change[i];
      flow_.blocks[i].depth = static_cast<std::uint16_t>(std::min(depth, std::int32_t{UINT16_MAX}));
    }
  }

  void find_liveness() {
    // More rounds than loops are nested are not needed, without loops one is enough; where a hostile program nests them
    // without end, all is live.
    constexpr unsigned kRounds = 32;
    bool changed = true;
    for (unsigned round = 0; changed; ++round) {
      changed = false;
      for (std::size_t b = sums_.size(); b-- > 0;) {
        Block& block = flow_.blocks[b];
        if (block.place != 0) continue;
        for (const std::uint32_t successor : {block.next, block.taken})
          if (successor != kNoBlock) block.live_out |= flow_.blocks[successor].live_in;
        const RegSet live_in = before(sums_[b], block.live_out);
        changed = changed || (goes_back_ && live_in != block.live_in);
        block.live_in = live_in;
      }
      if (round != kRounds) continue;
      for (Block& block : flow_.blocks) block.live_in = block.live_out = kAll;
      return;
    }
  }

  /// Nothing that the loop around the block runs every time: it ends the function, or goes where fewer loops are.
  [[nodiscard]] bool leaves_loop(const Block& block) const {
    if (block.depth == 0) return false;
    if (block.next == kNoBlock) return true;
    const bool jumps = ends_flow(op(block.end - 1));
    return jumps && block.taken == kNoBlock && flow_.blocks[block.next].depth < block.depth;
  }

  void choose_order() {
    std::vector<std::uint32_t> rare;
    flow_.order.reserve(flow_.blocks.size());
    for (std::uint32_t i = 0; i < flow_.blocks.size(); ++i) {
      if (flow_.blocks[i].place != 0) continue;
      (i != 0 && leaves_loop(flow_.blocks[i]) ? rare : flow_.order).push_back(i);
    }
    flow_.order.insert(flow_.order.end(), rare.begin(), rare.end());
    for (std::uint32_t i = 0; i < flow_.order.size(); ++i) flow_.blocks[flow_.order[i]].place = i;
    if (!goes_back_) return;
    for (const std::uint32_t i : flow_.order)
      for (const std::uint32_t successor : {flow_.blocks[i].next, flow_.blocks[i].taken})
        if (successor != kNoBlock && flow_.blocks[successor].place <= flow_.blocks[i].place)
          flow_.blocks[successor].is_loop_head = true;
  }

  /// What the op wants in a register of its own; 0 where that is nothing. Not the map of a call: the callee keeps the
  /// register on its stack, from where it comes back later than the number is loaded.
  [[nodiscard]] std::uint64_t number_for(std::uint32_t index) const {
    const Op& at = op(index);
    if (at.code == Code::lookup_array || at.code == Code::call_direct)
      return reinterpret_cast<std::uint64_t>(reinterpret_cast<const lower::KnownCall*>(at.imm)->base);
    return at.code == Code::constant && is_asked_for(index) ? static_cast<std::uint64_t>(at.imm) : 0;
  }

  /// Of an op that writes dst: not when it is only there for a call that names its map itself.
  [[nodiscard]] bool is_asked_for(std::uint32_t index) const {
    const RegSet written = bit_of(op(index).dst);
    for (std::uint32_t i = index + 1; i < end_ && !plans_[i].starts_flow; ++i) {
      if ((plans_[i].effects.reads & written) != 0) return true;
      if ((plans_[i].effects.writes & written) != 0) return false;
    }
    return true;
  }

  void hoist_constants(RegSet unused) {
    if (!goes_back_ || unused == 0) return;
    struct Wish {
      std::uint64_t number;
      std::uint32_t times;
    };
    std::vector<Wish> wishes;
    constexpr std::size_t kWishes = 16;
    for (const std::uint32_t b : flow_.order) {
      const Block& block = flow_.blocks[b];
      if (block.depth == 0) continue;
      for (std::uint32_t i = block.first; i < block.end; ++i) {
        const std::uint64_t number = number_for(i);
        if (!is_wide(number)) continue;
        const auto wish = std::find_if(wishes.begin(), wishes.end(), [&](const Wish& w) { return w.number == number; });
        if (wish != wishes.end())
          wish->times += block.depth;
        else if (wishes.size() < kWishes)
          wishes.push_back({number, block.depth});
      }
    }
    std::sort(wishes.begin(), wishes.end(), [](const Wish& a, const Wish& b) {
      return a.times != b.times ? a.times > b.times : a.number < b.number;
    });
    auto wish = wishes.begin();
    for (const unsigned reg : members(unused)) {
      if (wish == wishes.end()) return;
      flow_.hoisted.push_back({reg, wish++->number});
    }
  }

  std::span<const Op> code_;
  std::span<const OpPlan> plans_;
  std::uint32_t first_;
  std::uint32_t end_;
  Flow flow_;
  bool goes_back_ = false;                // some block leads to itself or one before it
  std::vector<std::uint32_t> blocks_at_;  // by op from first_ on, where a block begins
  std::vector<Effects> sums_;             // by block
};

}  // namespace

Flow make_flow(std::span<const Op> code, std::span<const OpPlan> plans, std::uint32_t first, std::uint32_t end,
               RegSet unused) {
  return FlowMaker(code, plans, first, end).make(unused);
}

void live_after(std::span<const OpPlan> plans, const Block& block, std::vector<RegSet>& live) {
  const auto of_block = plans.subspan(block.first, block.end - block.first);
  if (live.size() < of_block.size()) live.resize(of_block.size());
  RegSet after = block.live_out;
  RegSet* here = live.data() + of_block.size();
  for (const OpPlan& plan : std::views::reverse(of_block)) {
    *--here = after;
    after = before(plan.effects, after);
  }
}

}  // namespace skep::jit
