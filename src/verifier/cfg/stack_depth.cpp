// Walking the call graph, each function counted with the bytes its frame takes.
#include "verifier/cfg/stack_depth.hpp"

#include <algorithm>
#include <vector>

namespace skep::verifier {
namespace {

constexpr std::uint32_t kStackLimit = 512;
constexpr std::uint32_t kTailCallLimit = 256;
constexpr std::uint32_t kFrameLimit = 8;
constexpr std::uint32_t kGranule = 16;  ///< a JIT's frame is aligned to this

struct Edge {
  std::uint32_t pc = 0;
  std::uint32_t callee = 0;
};

/// Deepest chain below each function; every function is finished once.
class Depths {
 public:
  Depths(const Graph& graph, std::span<const Insn> insns, std::span<const std::uint32_t> touched)
      : graph_(graph), touched_(touched), edges_(graph.functions().size()), open_(edges_.size()) {
    for (std::uint32_t i = 0; i < edges_.size(); ++i) {
      const Function& function = graph.functions()[i];
      for (std::uint32_t pc = function.start; pc < function.end; ++pc) {
        const isa::FormInfo& info = isa::info(graph.at(pc).form);
        const bool calls = info.operands == isa::Operands::call_pc || info.operation == isa::Operation::lddw_func_;
        if (calls)
          edges_[i].push_back(
              {pc, graph.function_at(static_cast<std::uint32_t>(isa::jump_target(insns[pc], info, pc)))});
        if (info.wide()) ++pc;
      }
    }
  }

  /// Follows every chain; their number is bounded, for none is longer than kFrameLimit and none returns to itself.
  Objection walk(std::uint32_t function, std::uint32_t above, std::uint32_t frames, std::uint32_t pc) {
    if (open_[function]) return Finding{Code::call_recursive, pc, {}, {}};
    const std::uint32_t total = above + (touched_[function] + kGranule - 1) / kGranule * kGranule;
    if (total > kStackLimit) return Finding{Code::stack_too_deep, pc, {total, kStackLimit}, {}};
    if (frames > kFrameLimit) return Finding{Code::call_too_deep, pc, {kFrameLimit}, {}};
    if (frames > 1 && graph_.functions()[function].has_tail_call && above >= kTailCallLimit)
      return Finding{Code::stack_tail_call, pc, {above, kTailCallLimit}, {}};
    deepest = std::max(deepest, total);
    // A function met before at no lower place has nothing new to say.
    if (seen_.size() != open_.size()) seen_.resize(open_.size());
    Seen& seen = seen_[function];
    if (seen.frames >= frames && seen.above >= above && seen.frames != 0) return {};
    seen = {std::max(seen.frames, frames), std::max(seen.above, above)};
    open_[function] = true;
    for (const Edge& edge : edges_[function])
      if (auto bad = walk(edge.callee, total, frames + 1, edge.pc)) return bad;
    open_[function] = false;
    return {};
  }

  std::uint32_t deepest = 0;

 private:
  struct Seen {
    std::uint32_t frames = 0, above = 0;
  };
  const Graph& graph_;
  std::span<const std::uint32_t> touched_;
  std::vector<std::vector<Edge>> edges_;
  std::vector<bool> open_;
  std::vector<Seen> seen_;
};

}  // namespace

Objection check_stack_depth(const Graph& graph, std::span<const Insn> insns, std::span<const std::uint32_t> touched,
                            std::uint32_t& deepest) {
  Depths depths(graph, insns, touched);
  auto bad = depths.walk(0, 0, 1, 0);
  deepest = depths.deepest;
  return bad;
}

}  // namespace skep::verifier
