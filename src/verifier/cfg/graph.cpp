// Functions, edges, reachability and liveness of registers.
#include "verifier/cfg/graph.hpp"

#include <algorithm>

#include "abi/helper.hpp"

namespace skep::verifier {
namespace {

using isa::FormInfo;
using isa::Operands;
using isa::Operation;

std::uint32_t width(const FormInfo& info) { return info.wide() ? 2 : 1; }

bool is_helper_call(const Insn& insn, const FormInfo& info) {
  return info.operands == Operands::call_imm && insn.src == 0;
}

const abi::Helper* helper_of(const Insn& insn, const FormInfo& info) {
  return is_helper_call(insn, info) ? abi::find_helper(static_cast<std::uint32_t>(insn.imm)) : nullptr;
}

bool starts_function(const FormInfo& info) {
  return info.operands == Operands::call_pc || info.operation == Operation::lddw_func_;
}

/// Registers that an instruction reads before it writes.
std::uint16_t reads(const Insn& insn, const FormInfo& info) {
  if (const abi::Helper* helper = helper_of(insn, info); helper != nullptr) {
    const auto last = std::find(helper->args.begin(), helper->args.end(), abi::Arg::none) - helper->args.begin();
    return static_cast<std::uint16_t>(((1u << last) - 1) << 1);
  }
  return isa::registers_of(info.reads, insn.dst, insn.src);
}

std::uint16_t writes(const Insn& insn, const FormInfo& info) {
  return isa::registers_of(info.writes, insn.dst, insn.src);
}

}  // namespace

Successors successors(const Insn& insn, const FormInfo& info, std::uint32_t pc) noexcept {
  const auto target = [&] { return static_cast<std::uint32_t>(isa::jump_target(insn, info, pc)); };
  if (info.operation == Operation::exit_) return {};
  if (info.operation == Operation::ja_) return {1, {target(), 0}};
  const bool branches = info.operands == Operands::compare_imm || info.operands == Operands::compare_src ||
                        info.operation == Operation::may_goto_;
  if (branches) return {2, {pc + 1, target()}};
  return {1, {pc + width(info), 0}};
}

Objection Graph::build(std::span<const Insn> insns, bool allow_loops) {
  decode(insns);
  find_functions(insns);
  if (auto bad = check_edges(insns)) return bad;
  if (auto bad = visit(insns, allow_loops)) return bad;
  mark_places(insns);
  summarise_calls(insns);
  find_live_registers(insns);
  return {};
}

void Graph::decode(std::span<const Insn> insns) {
  places_.assign(insns.size(), {});
  for (std::uint32_t pc = 0; pc < insns.size(); ++pc) {
    places_[pc].form = static_cast<isa::Form>(isa::find_form(insns[pc]));
    if (isa::info(places_[pc].form).wide()) ++pc;
  }
}

void Graph::find_functions(std::span<const Insn> insns) {
  std::vector<std::uint32_t> starts{0};
  std::vector<std::uint32_t> callbacks;
  for (std::uint32_t pc = 0; pc < insns.size(); ++pc) {
    const FormInfo& info = isa::info(places_[pc].form);
    if (starts_function(info)) {
      starts.push_back(static_cast<std::uint32_t>(isa::jump_target(insns[pc], info, pc)));
      if (info.wide()) callbacks.push_back(starts.back());
    }
    if (info.wide()) ++pc;
  }
  std::sort(starts.begin(), starts.end());
  starts.erase(std::unique(starts.begin(), starts.end()), starts.end());
  const auto total = static_cast<std::uint32_t>(insns.size());
  functions_.clear();
  for (std::size_t i = 0; i < starts.size(); ++i) {
    Function function;
    function.start = starts[i];
    function.end = i + 1 < starts.size() ? starts[i + 1] : total;
    function.is_callback = std::find(callbacks.begin(), callbacks.end(), function.start) != callbacks.end();
    for (std::uint32_t pc = function.start; pc < function.end; ++pc)
      places_[pc].function = static_cast<std::uint32_t>(i);
    functions_.push_back(function);
  }
}

Objection Graph::check_edges(std::span<const Insn> insns) const {
  for (const Function& function : functions_) {
    std::uint32_t last = function.start;
    for (std::uint32_t pc = function.start; pc < function.end;) {
      const FormInfo& info = isa::info(places_[pc].form);
      if (info.operation == Operation::call_ && info.operands == Operands::dst)
        return Finding{Code::call_through_register, pc, {insns[pc].dst}, {}};
      if (info.has_target() && !starts_function(info)) {
        const std::int64_t target = isa::jump_target(insns[pc], info, pc);
        if (target < function.start || target >= function.end)
          return Finding{Code::jump_out_of_function, pc, {target, function.start, function.end}, {}};
      }
      last = pc;
      pc += width(info);
    }
    const Operation operation = isa::info(places_[last].form).operation;
    if (operation != Operation::exit_ && operation != Operation::ja_)
      return Finding{Code::function_falls_through, last, {}, {}};
  }
  return {};
}

// Depth first from the entry, calls being edges too: finds code that nobody reaches, loops, and where paths meet.
Objection Graph::visit(std::span<const Insn> insns, bool allow_loops) {
  enum class Mark : std::uint8_t { unseen, open, done };
  struct Step {
    std::uint32_t pc;
    std::uint32_t next;
  };
  std::vector<Mark> marks(insns.size(), Mark::unseen);
  std::vector<Step> path{{0, 0}};
  marks[0] = Mark::open;
  while (!path.empty()) {
    Step& step = path.back();
    const std::uint32_t pc = step.pc;
    const FormInfo& info = isa::info(places_[pc].form);
    Successors ways = successors(insns[pc], info, pc);
    const bool calls = starts_function(info);
    if (step.next == ways.count + (calls ? 1 : 0)) {
      marks[pc] = Mark::done;
      path.pop_back();
      continue;
    }
    const bool into_callee = step.next == ways.count;
    const std::uint32_t to =
        into_callee ? static_cast<std::uint32_t>(isa::jump_target(insns[pc], info, pc)) : ways.pc[step.next];
    ++step.next;
    if (marks[to] == Mark::open && !into_callee && !allow_loops) return Finding{Code::loop_unprivileged, pc, {to}, {}};
    if (marks[to] != Mark::unseen) continue;
    marks[to] = Mark::open;
    path.push_back({to, 0});
  }
  for (std::uint32_t pc = 0; pc < insns.size(); pc += width(isa::info(places_[pc].form)))
    if (marks[pc] == Mark::unseen) return Finding{Code::unreachable, pc, {}, {}};
  return {};
}

// The places that Linux marks: where a path is compared with others decides how many instructions are walked.
void Graph::mark_places(std::span<const Insn> insns) {
  const auto jumped_to = [this](std::uint32_t pc) { places_[pc].prune_point = places_[pc].jump_target = true; };
  for (std::uint32_t pc = 0; pc < insns.size(); pc += width(isa::info(places_[pc].form))) {
    Place& place = places_[pc];
    const FormInfo& info = isa::info(place.form);
    const Successors ways = successors(insns[pc], info, pc);
    if (ways.count == 2) {
      place.prune_point = true;
      place.force_checkpoint = info.operation == Operation::may_goto_;
      jumped_to(ways.pc[1]);
    } else if (info.operation == Operation::ja_) {
      jumped_to(ways.pc[0]);
    } else if (starts_function(info)) {
      place.prune_point = places_[ways.pc[0]].prune_point = true;
      jumped_to(static_cast<std::uint32_t>(isa::jump_target(insns[pc], info, pc)));
    } else if (info.operands == Operands::call_imm) {
      places_[ways.pc[0]].prune_point = true;
      const abi::Helper* helper = helper_of(insns[pc], info);
      const std::uint32_t effects = helper != nullptr ? helper->effects : 0;
      if ((effects & abi::calls_back) != 0) place.force_checkpoint = place.calls_back = true;
      if ((effects & (abi::calls_back | abi::tail_calls)) != 0) place.prune_point = true;
    }
  }
}

void Graph::summarise_calls(std::span<const Insn> insns) {
  bool changed = true;
  for (bool first = true; changed; first = false) {
    changed = false;
    for (Function& function : functions_) {
      for (std::uint32_t pc = function.start; pc < function.end; ++pc) {
        const FormInfo& info = isa::info(places_[pc].form);
        if (first) {
          const abi::Helper* helper = helper_of(insns[pc], info);
          if (helper != nullptr && (helper->effects & abi::tail_calls) != 0) function.has_tail_call = true;
          if (helper != nullptr && (helper->effects & abi::changes_packet) != 0) function.may_change_packet = true;
          if (info.operands == Operands::packet_abs || info.operands == Operands::packet_ind)
            function.has_packet_load = true;
        }
        if (starts_function(info)) {
          const auto target = static_cast<std::uint32_t>(isa::jump_target(insns[pc], info, pc));
          const Function& callee = functions_[places_[target].function];
          if (callee.may_change_packet && !function.may_change_packet) function.may_change_packet = changed = true;
        }
        if (info.wide()) ++pc;
      }
    }
    changed = changed || first;
  }
}

void Graph::find_live_registers(std::span<const Insn> insns) {
  for (bool changed = true; changed;) {
    changed = false;
    for (auto pc = static_cast<std::uint32_t>(insns.size()); pc-- > 0;) {
      Place& place = places_[pc];
      if (pc > 0 && insns[pc].opcode == 0) continue;  // the second slot of a lddw
      const FormInfo& info = isa::info(place.form);
      std::uint16_t live = 0;
      const Successors ways = successors(insns[pc], info, pc);
      for (std::uint32_t i = 0; i < ways.count; ++i) live |= places_[ways.pc[i]].live;
      live = static_cast<std::uint16_t>((live & ~writes(insns[pc], info)) | reads(insns[pc], info));
      if (live != place.live) {
        place.live = live;
        changed = true;
      }
    }
  }
}

}  // namespace skep::verifier
