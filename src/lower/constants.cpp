// Conditional constant propagation. States are kept where control flow may meet; in between they are carried along.
//
// A value only ever changes from "no path seen" to one number and from there to "unknown", so the analysis ends.
#include "lower/constants.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "abi/helper.hpp"
#include "isa/table.hpp"
#include "lower/evaluate.hpp"
#include "lower/rows.hpp"
#include "lower/stack_bytes.hpp"

namespace skep::lower {
namespace {

using isa::Form;
using isa::FormInfo;
using isa::Operands;
using isa::Operation;

constexpr unsigned kResult = 0, kFirstArgument = 1, kArguments = 5;
constexpr std::uint64_t kDynptrBytes = 16;

/// More places where control flow meets than any program in use has; their states take memory.
constexpr std::size_t kMostMeetings = 1 << 15;

struct Value {
  enum class Kind : std::uint8_t {
    unknown,
    number,
    frame,  ///< r10 + bits
  };
  Kind kind = Kind::unknown;
  std::uint64_t bits = 0;

  [[nodiscard]] static Value number(std::uint64_t number) noexcept { return {Kind::number, number}; }
  [[nodiscard]] bool is_number() const noexcept { return kind == Kind::number; }
  [[nodiscard]] bool is_frame() const noexcept { return kind == Kind::frame; }
  [[nodiscard]] std::int64_t off() const noexcept { return static_cast<std::int64_t>(bits); }
  bool operator==(const Value&) const noexcept = default;
};

struct State {
  std::array<Value, isa::kRegisters> regs{};
  StackBytes stack;

  [[nodiscard]] bool meet(const State& other) {
    bool less = stack.meet(other.stack);
    for (unsigned i = 0; i < regs.size(); ++i) {
      if (regs[i] == other.regs[i] || regs[i] == Value{}) continue;
      regs[i] = {};
      less = true;
    }
    return less;
  }
  void forget_after_call() { std::fill(regs.begin(), regs.begin() + kFirstArgument + kArguments, Value{}); }
};

State entry_state() {
  State state;
  state.regs[isa::kFramePointer] = {Value::Kind::frame, 0};
  return state;
}

std::uint64_t extended(std::int64_t imm) { return static_cast<std::uint64_t>(imm); }
bool fits(std::uint64_t number) { return number == extended(static_cast<std::int32_t>(number)); }

/// What a load of the form makes of the bytes it finds.
std::uint64_t loaded(std::uint64_t bytes, const FormInfo& info) {
  const unsigned gap = 64 - info.width();
  bytes <<= gap;
  return info.operation == Operation::load_signed_ ? extended(static_cast<std::int64_t>(bytes) >> gap) : bytes >> gap;
}

class Constants {
 public:
  Constants(const program::Program& program, const verifier::Facts& facts,
            std::span<const std::shared_ptr<maps::MapStorage>> maps, SettledProgram& settled)
      : program_(program), rows_(rows_of(program.insns)), facts_(facts), maps_(maps), settled_(settled) {}

  void run() {
    find_meetings();
    if (meetings_.size() > kMostMeetings) return say_what_was_proven();
    arrive(0, entry_state());
    while (!waiting_.empty()) {
      const std::uint32_t pc = waiting_.back();
      waiting_.pop_back();
      Meeting& meeting = meetings_[meeting_at_[pc]];
      meeting.waits = false;
      walk(pc, *meeting.state);
    }
    writes_down_ = true;
    for (std::uint32_t pc = 0; pc < meeting_at_.size(); ++pc)
      if (meeting_at_[pc] != kNone && meetings_[meeting_at_[pc]].state) walk(pc, *meetings_[meeting_at_[pc]].state);
  }

 private:
  struct Meeting {
    std::optional<State> state;  ///< empty: no path seen
    bool waits = false;
  };
  struct Ways {
    bool jumps = true, falls_through = true;
  };
  static constexpr std::uint32_t kNone = UINT32_MAX;

  [[nodiscard]] const FormInfo& form_at(std::uint32_t pc) const { return *rows_[pc]; }
  [[nodiscard]] static bool is_condition(const FormInfo& info) {
    return info.operands == Operands::compare_imm || info.operands == Operands::compare_src;
  }
  [[nodiscard]] std::uint32_t target_of(std::uint32_t pc, const FormInfo& info) const {
    return static_cast<std::uint32_t>(isa::jump_target(program_.insns[pc], info, pc));
  }

  void find_meetings() {
    meeting_at_.assign(program_.insns.size(), kNone);
    const auto add = [this](std::uint32_t pc) {
      if (meeting_at_[pc] != kNone) return;
      meeting_at_[pc] = static_cast<std::uint32_t>(meetings_.size());
      meetings_.emplace_back();
    };
    add(0);
    for (std::uint32_t pc = 0; pc < program_.insns.size(); ++pc) {
      const FormInfo& info = form_at(pc);
      if (info.has_target()) add(target_of(pc, info));
      if (info.wide()) ++pc;
    }
  }

  void say_what_was_proven() {
    for (std::uint32_t pc = 0; pc < program_.insns.size(); ++pc) {
      const FormInfo& info = form_at(pc);
      const verifier::InsnFacts& facts = facts_.at(pc);
      Settled& settled = settled_.at[pc];
      settled.reached = facts.reached;
      if (is_condition(info)) {
        settled.jumps = facts.jumps;
        settled.falls_through = facts.falls_through;
      }
      if (info.wide()) ++pc;
    }
  }

  /// A path leads to a place where others may lead.
  void arrive(std::uint32_t pc, const State& state) {
    if (writes_down_) return;
    Meeting& meeting = meetings_[meeting_at_[pc]];
    const bool news = !meeting.state || meeting.state->meet(state);
    if (!meeting.state) meeting.state = state;
    if (!news || meeting.waits) return;
    meeting.waits = true;
    waiting_.push_back(pc);
  }

  void walk(std::uint32_t pc, State state) {
    while (facts_.at(pc).reached) {  // a callback may never be called
      const FormInfo& info = form_at(pc);
      const Insn& insn = program_.insns[pc];
      if (writes_down_) settled_.at[pc].reached = true;
      if (info.operation == Operation::exit_) return;
      std::uint32_t next = pc + (info.wide() ? 2 : 1);
      if (is_condition(info)) {
        if (!branch(pc, insn, info, state)) return;
      } else if (info.operation == Operation::ja_) {
        next = target_of(pc, info);
      } else if (info.operation == Operation::may_goto_) {
        arrive(target_of(pc, info), state);
      } else {
        step(pc, insn, info, state);
      }
      if (meeting_at_[next] != kNone) return arrive(next, state);
      pc = next;
    }
  }

  /// False when no path falls through.
  bool branch(std::uint32_t pc, const Insn& insn, const FormInfo& info, State& state) {
    const bool has_source = info.operands == Operands::compare_src;
    const Value left = state.regs[insn.dst];
    const Value right = has_source ? state.regs[insn.src] : Value::number(extended(insn.imm));
    const Ways ways = ways_on(pc, info, left, right);
    if (writes_down_) {
      settled_.at[pc].jumps = ways.jumps;
      settled_.at[pc].falls_through = ways.falls_through;
      if (has_source && right.is_number()) make_immediate(pc, right.bits);
    }
    const bool whole = info.width() == 64;
    const auto equal = [&](State& at) {
      if (whole && right.is_number()) at.regs[insn.dst] = right;
      if (whole && has_source && left.is_number()) at.regs[insn.src] = left;
    };
    if (ways.jumps) {
      State there = state;
      if (info.operation == Operation::jeq_) equal(there);
      arrive(target_of(pc, info), there);
    }
    if (ways.falls_through && info.operation == Operation::jne_) equal(state);
    return ways.falls_through;
  }

  [[nodiscard]] Ways ways_on(std::uint32_t pc, const FormInfo& info, const Value& left, const Value& right) const {
    const verifier::InsnFacts& facts = facts_.at(pc);
    Ways ways{facts.jumps, facts.falls_through};
    if (!left.is_number() || !right.is_number()) return ways;
    const bool taken = evaluator(info.form)(left.bits, right.bits) != 0;
    // No run gets to a branch that goes neither way; it only has to lead somewhere.
    if (taken ? ways.jumps : ways.falls_through) ways = {taken, !taken};
    return ways;
  }

  void step(std::uint32_t pc, const Insn& insn, const FormInfo& info, State& state) {
    switch (info.operands) {
      case Operands::dst:
      case Operands::dst_imm:
      case Operands::dst_src:
        return compute(pc, insn, info, state);
      case Operands::load:
        return load(pc, insn, info, state);
      case Operands::store_imm:
      case Operands::store_src:
        return store(pc, insn, info, state);
      case Operands::atomic:
        return change(pc, insn, info, state);
      case Operands::lddw:
        state.regs[insn.dst] = constant(pc, insn, info);
        if (info.operation == Operation::lddw_func_) arrive(target_of(pc, info), entry_state());
        return;
      case Operands::call_imm:
        return call_helper(pc, insn, state);
      case Operands::call_pc:
        return call_function(pc, info, state);
      case Operands::packet_abs:
      case Operands::packet_ind:
        return state.forget_after_call();
      case Operands::dst_src_imm:
        state.regs[insn.dst] = {};
        return;
      case Operands::none:
      case Operands::jump_off:
      case Operands::jump_imm:
      case Operands::compare_imm:
      case Operands::compare_src:
        return;
    }
  }

  void compute(std::uint32_t pc, const Insn& insn, const FormInfo& info, State& state) {
    const Evaluator evaluate = evaluator(info.form);
    Value& dst = state.regs[insn.dst];
    if (evaluate == nullptr) {  // a call through a register, which no proven program has
      state = State{};
      return;
    }
    const bool has_source = info.operands == Operands::dst_src;
    const bool copies = info.operation == Operation::mov_ || info.operation == Operation::movsx_;
    const Value src = has_source ? state.regs[insn.src] : Value::number(extended(insn.imm));
    if ((copies || dst.is_number()) && src.is_number()) {
      dst = Value::number(evaluate(dst.bits, src.bits));
      const bool says_so = copies && !has_source;
      if (writes_down_ && !says_so) become(pc, dst.bits);
      return;
    }
    if (writes_down_ && has_source && src.is_number()) make_immediate(pc, src.bits);
    dst = moved(info, dst, src);
  }

  /// What a pointer to the frame becomes.
  static Value moved(const FormInfo& info, const Value& dst, const Value& src) {
    if (info.width() != 64) return {};
    const bool adds = info.operation == Operation::add_;
    if (info.operation == Operation::mov_) return src;
    if (adds && dst.is_number() && src.is_frame()) return {Value::Kind::frame, dst.bits + src.bits};
    if (!dst.is_frame() || !src.is_number()) return {};
    if (adds) return {Value::Kind::frame, dst.bits + src.bits};
    return info.operation == Operation::sub_ ? Value{Value::Kind::frame, dst.bits - src.bits} : Value{};
  }

  void load(std::uint32_t pc, const Insn& insn, const FormInfo& info, State& state) {
    std::optional<std::uint64_t> bytes = facts_.at(pc).value.value();
    const auto off = frame_off(state.regs[insn.src], insn, info);
    if (off && !bytes) bytes = state.stack.load(*off, info.width() / 8);
    if (off && writes_down_) go_through_frame_pointer(pc, info, *off);
    state.regs[insn.dst] = bytes ? Value::number(loaded(*bytes, info)) : Value{};
    if (bytes && writes_down_) become(pc, state.regs[insn.dst].bits);
  }

  void store(std::uint32_t pc, const Insn& insn, const FormInfo& info, State& state) {
    const bool has_source = info.operands == Operands::store_src;
    const Value value = has_source ? state.regs[insn.src] : Value::number(extended(insn.imm));
    const auto off = frame_off(state.regs[insn.dst], insn, info);
    const unsigned bytes = info.width() / 8;
    if (!off)
      forget_stores(pc, state);
    else if (value.is_number())
      state.stack.store(*off, bytes, value.bits);
    else
      state.stack.forget(*off, bytes);
    if (!writes_down_) return;
    if (off) go_through_frame_pointer(pc, info, *off);
    if (has_source && value.is_number()) make_immediate(pc, bytes == 8 ? value.bits : low_half(value.bits));
  }

  void change(std::uint32_t pc, const Insn& insn, const FormInfo& info, State& state) {
    if (info.operation == Operation::load_acquire_) {
      state.regs[insn.dst] = {};
      return;
    }
    if (const auto off = frame_off(state.regs[insn.dst], insn, info))
      state.stack.forget(*off, info.width() / 8);
    else
      forget_stores(pc, state);
    if (info.writes & isa::regs::S) state.regs[insn.src] = {};
    if (info.writes & isa::regs::R0) state.regs[kResult] = {};
    if (info.writes & isa::regs::D) state.regs[insn.dst] = {};
  }

  [[nodiscard]] Value constant(std::uint32_t pc, const Insn& insn, const FormInfo& info) const {
    const auto low = static_cast<std::uint32_t>(insn.imm);
    const auto high = static_cast<std::uint32_t>(program_.insns[pc + 1].imm);
    if (program_.kfunc_at(pc) != nullptr || program_.poison_at(pc) != nullptr) return {};
    if (info.operation == Operation::lddw_imm_) return Value::number(std::uint64_t{high} << 32 | low);
    const bool of_map =
        info.operation == Operation::lddw_map_value_ || info.operation == Operation::lddw_map_idx_value_;
    if (!of_map || low >= maps_.size() || !maps_[low]->usable()) return {};
    const auto areas = maps_[low]->value_areas();
    if (areas.size() != 1 || maps_[low]->per_cpu() || high >= areas[0].value_size) return {};
    return Value::number(reinterpret_cast<std::uint64_t>(areas[0].base + high));
  }

  void call_helper(std::uint32_t pc, const Insn& insn, State& state) {
    const abi::Helper* helper = nullptr;
    if (insn.src == 0 && program_.kfunc_at(pc) == nullptr && program_.poison_at(pc) == nullptr)
      helper = abi::find_helper(static_cast<std::uint32_t>(insn.imm), program_.type,
                                static_cast<abi::AttachType>(program_.expected_attach_type));
    Value result;
    if (helper == nullptr || (helper->effects & abi::calls_back) != 0 || writes_anywhere(*helper))
      state.stack.forget_all();
    else
      result = call_known_helper(pc, *helper, state);
    state.forget_after_call();
    state.regs[kResult] = result;
    if (writes_down_ && result.is_number()) become(pc, result.bits);
  }

  /// To an address that is a mere number.
  static bool writes_anywhere(const abi::Helper& helper) {
    return static_cast<abi::HelperId>(helper.id) == abi::HelperId::probe_write_user;
  }

  [[nodiscard]] Value call_known_helper(std::uint32_t pc, const abi::Helper& helper, State& state) const {
    Value result;
    if (static_cast<abi::HelperId>(helper.id) == abi::HelperId::map_lookup_elem) result = element(pc, state);
    for (unsigned i = 0; i < helper.args.size(); ++i) {
      const Value& reg = state.regs[kFirstArgument + i];
      if (abi::reach_of(helper.args[i].kind) == abi::Reach::reads || reg.is_number()) continue;
      const auto bytes = written_bytes(helper, i, state);
      if (reg.is_frame() && bytes && StackBytes::holds(reg.off(), *bytes))
        state.stack.forget(reg.off(), *bytes);
      else
        state.stack.forget_all();
    }
    return result;
  }

  /// Of an array, under a key that is known and in range.
  [[nodiscard]] Value element(std::uint32_t pc, const State& state) const {
    const auto index = facts_.at(pc).value.value();
    if (!index || *index >= maps_.size()) return {};
    const maps::MapStorage& map = *maps_[*index];
    const Value& at = state.regs[kFirstArgument + 1];
    constexpr unsigned kKeyBytes = 4;
    if (map.spec().type != MapType::array || !map.usable()) return {};
    if (!at.is_frame() || !StackBytes::holds(at.off(), kKeyBytes)) return {};
    const auto key = state.stack.load(at.off(), kKeyBytes);
    if (!key || *key >= map.spec().max_entries) return {};
    const maps::ValueArea& values = map.value_areas().front();
    return Value::number(reinterpret_cast<std::uint64_t>(values.base + *key * values.stride));
  }

  [[nodiscard]] static std::optional<std::uint64_t> written_bytes(const abi::Helper& helper, unsigned argument,
                                                                  const State& state) {
    const abi::ArgSpec& arg = helper.args[argument];
    if (arg.kind == abi::Arg::dynptr_out) return kDynptrBytes;
    if (arg.bytes != 0) return arg.bytes;
    const bool sized = argument + 1 < helper.args.size() && (helper.args[argument + 1].kind == abi::Arg::size ||
                                                             helper.args[argument + 1].kind == abi::Arg::size_or_zero);
    if (!sized) return std::nullopt;
    const Value& size = state.regs[kFirstArgument + argument + 1];
    return size.is_number() ? std::optional(size.bits) : std::nullopt;
  }

  /// The callee may write where it is given pointers to; what it is given as numbers, it knows if all callers agree.
  void call_function(std::uint32_t pc, const FormInfo& info, State& state) {
    State callee = entry_state();
    for (unsigned i = kFirstArgument; i < kFirstArgument + kArguments; ++i)
      if (state.regs[i].is_number()) callee.regs[i] = state.regs[i];
    arrive(target_of(pc, info), callee);
    state.stack.forget_all();
    state.forget_after_call();
  }

  /// A store somewhere: perhaps to this frame.
  void forget_stores(std::uint32_t pc, State& state) const {
    const verifier::KindSet base = facts_.at(pc).base;
    if (base == 0 || (base & verifier::kind_bit(verifier::RegKind::stack)) != 0) state.stack.forget_all();
  }

  /// Where in this function's frame an access goes, when that is known.
  [[nodiscard]] static std::optional<std::int64_t> frame_off(const Value& base, const Insn& insn,
                                                             const FormInfo& info) {
    const std::int64_t off = base.off() + insn.off;
    return base.is_frame() && StackBytes::holds(off, info.width() / 8) ? std::optional(off) : std::nullopt;
  }

  // What is written down, once all is known.

  void become(std::uint32_t pc, std::uint64_t number) {
    settled_.at[pc].becomes = Becomes::number;
    settled_.at[pc].number = number;
  }

  static std::uint64_t low_half(std::uint64_t number) { return extended(static_cast<std::int32_t>(number)); }

  /// The form with an immediate for the source register, where there is one that holds the number.
  void make_immediate(std::uint32_t pc, std::uint64_t number) {
    constexpr std::uint8_t kSourceBit = 8, kClassMask = 7, kStx = 3, kSt = 2;
    const FormInfo& info = form_at(pc);
    Insn insn = settled_.insns[pc];
    const bool stores = (insn.opcode & kClassMask) == kStx;
    if (!stores && info.width() == 32) number = low_half(number);
    if (!fits(number)) return;
    using enum Operation;
    const Operation operation = info.operation;
    const bool divides = operation == div_ || operation == sdiv_ || operation == mod_ || operation == smod_;
    const bool shifts = operation == lsh_ || operation == rsh_ || operation == arsh_;
    if (divides && number == 0) return;  // by an immediate there is no such division
    insn.opcode = static_cast<std::uint8_t>(stores ? (insn.opcode & ~kClassMask) | kSt : insn.opcode & ~kSourceBit);
    insn.src = 0;
    insn.imm = static_cast<std::int32_t>(shifts ? number & (info.width() - 1) : number);
    if (isa::find_form(insn) != isa::kFormCount) settled_.insns[pc] = insn;
  }

  void go_through_frame_pointer(std::uint32_t pc, const FormInfo& info, std::int64_t off) {
    Insn& insn = settled_.insns[pc];
    const bool loads = info.operands == Operands::load;
    if (loads) insn.src = isa::kFramePointer;
    if (!loads) insn.dst = isa::kFramePointer;
    insn.off = static_cast<std::int16_t>(off);
  }

  const program::Program& program_;
  const std::vector<const FormInfo*> rows_;  // of its instructions
  const verifier::Facts& facts_;
  std::span<const std::shared_ptr<maps::MapStorage>> maps_;
  SettledProgram& settled_;
  std::vector<std::uint32_t> meeting_at_;  // by pc
  std::vector<Meeting> meetings_;
  std::vector<std::uint32_t> waiting_;
  bool writes_down_ = false;
};

}  // namespace

void find_constants(const program::Program& program, const verifier::Facts& facts,
                    std::span<const std::shared_ptr<maps::MapStorage>> maps, SettledProgram& settled) {
  Constants(program, facts, maps, settled).run();
}

}  // namespace skep::lower
