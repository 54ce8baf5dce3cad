// Conditional constant propagation. States are kept where control flow may meet; in between they are carried along.
//
// A value only ever changes from "no path seen" to one number and from there to "unknown", so the analysis ends.
#include "lower/constants.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <optional>

#include "abi/helper.hpp"
#include "isa/table.hpp"
#include "lower/evaluate.hpp"
#include "lower/known.hpp"
#include "lower/rows.hpp"

namespace skep::lower {
namespace {

using isa::Form;
using isa::Operands;
using isa::Operation;

constexpr unsigned kResult = 0, kFirstArgument = 1, kArguments = 5;
constexpr std::uint64_t kDynptrBytes = 16;

/// More places where control flow meets than any program in use has; their states take memory.
constexpr std::size_t kMostMeetings = 1 << 15;

std::uint64_t extended(std::int64_t imm) { return static_cast<std::uint64_t>(imm); }
bool fits(std::uint64_t number) { return number == extended(static_cast<std::int32_t>(number)); }

/// What a load of the form makes of the bytes it finds.
std::uint64_t loaded(std::uint64_t bytes, const Shape& shape) {
  const unsigned gap = 64 - shape.width;
  bytes <<= gap;
  return shape.operation == Operation::load_signed_ ? extended(static_cast<std::int64_t>(bytes) >> gap) : bytes >> gap;
}

/// How the walk goes over it.
enum class Step : std::uint8_t {
  compute,  ///< writes one register, with what it computes of others or of its immediate
  load,
  store,
  branch,
  jump,
  exit,
  other,
};

constexpr Step step_of(const Shape& shape) {
  if (shape.operation == Operation::ja_) return Step::jump;
  if (shape.operation == Operation::exit_) return Step::exit;
  switch (shape.operands) {
    case Operands::dst:
      return shape.operation == Operation::call_ ? Step::other : Step::compute;
    case Operands::dst_imm:
    case Operands::dst_src:
      return Step::compute;
    case Operands::load:
      return Step::load;
    case Operands::store_imm:
    case Operands::store_src:
      return Step::store;
    case Operands::compare_imm:
    case Operands::compare_src:
      return Step::branch;
    case Operands::none:
    case Operands::dst_src_imm:
    case Operands::jump_off:
    case Operands::jump_imm:
    case Operands::call_imm:
    case Operands::call_pc:
    case Operands::atomic:
    case Operands::lddw:
    case Operands::packet_abs:
    case Operands::packet_ind:
      return Step::other;
  }
  return Step::other;
}

/// Whether an instruction makes nothing but something unknown where the registers that it reads are unknown.
enum class Passes : std::uint8_t {
  always,
  if_frame_is,  ///< when nothing is known of the frame either
  never,
};

struct Row {
  Step step{};
  Passes passes = Passes::never;
  bool reads_dst = false, reads_src = false, writes_dst = false;
  bool is_access = false;
};

constexpr Passes passes_of(const Shape& shape, Step step) {
  if (step == Step::load || (step == Step::compute && shape.reads != 0)) return Passes::always;
  return shape.operands == Operands::store_src ? Passes::if_frame_is : Passes::never;
}

constexpr auto kRows = [] {
  std::array<Row, isa::kFormCount> rows{};
  for (std::size_t form = 0; form < rows.size(); ++form) {
    const Shape& shape = shape_of(static_cast<Form>(form));
    Row& row = rows[form];
    row.step = step_of(shape);
    row.passes = passes_of(shape, row.step);
    row.reads_dst = (shape.reads & isa::regs::D) != 0;
    row.reads_src = (shape.reads & isa::regs::S) != 0;
    row.writes_dst = (shape.writes & isa::regs::D) != 0;
    row.is_access = row.step == Step::load || row.step == Step::store;
  }
  return rows;
}();

class Constants {
 public:
  Constants(const program::Program& program, const verifier::Facts& facts,
            std::span<const std::shared_ptr<maps::MapStorage>> maps, SettledProgram& settled)
      : program_(program), forms_(settled.forms), facts_(facts), maps_(maps), settled_(settled) {}

  void run() {
    find_meetings();
    if (meeting_count_ > kMostMeetings) return say_what_was_proven();
    meetings_.resize(meeting_count_);
    arrive(0, Known::at_entry());
    while (const auto pc = next_waiting()) {
      here_ = meetings_[meeting_at_[*pc]].known;
      walk(*pc, here_);
    }
  }

 private:
  struct Meeting {
    bool seen = false;  ///< some path leads here; only then is anything known
    Known known;
  };
  struct Ways {
    bool jumps = true, falls_through = true;
  };
  static constexpr std::uint32_t kNone = UINT32_MAX;
  static constexpr std::size_t kWordBits = 64;

  void find_meetings() {
    meeting_at_.assign(forms_.size(), kNone);
    waiting_.assign(forms_.size() / kWordBits + 1, 0);
    add_meeting(0);
    for (std::uint32_t pc = 0; pc < forms_.size(); ++pc) {
      if (!has_target(forms_[pc])) continue;
      const std::uint32_t target = target_of(program_.insns[pc], shape_of(forms_[pc]), pc);
      add_meeting(target);
      settled_.goes_back = settled_.goes_back || target <= pc;
    }
  }

  void add_meeting(std::uint32_t pc) {
    if (meeting_at_[pc] == kNone) meeting_at_[pc] = meeting_count_++;
  }

  void say_what_was_proven() {
    for (std::uint32_t pc = 0; pc < forms_.size(); pc += slots_of(shape_of(forms_[pc]))) {
      const verifier::InsnFacts& facts = facts_.at(pc);
      Settled& settled = settled_.at[pc];
      settled.reached = facts.reached;
      if (is_condition(shape_of(forms_[pc]))) {
        settled.jumps = facts.jumps;
        settled.falls_through = facts.falls_through;
      }
    }
  }

  /// The first in the program: where nothing jumps back, each is taken once.
  std::optional<std::uint32_t> next_waiting() {
    while (first_waiting_ < waiting_.size() && waiting_[first_waiting_] == 0) ++first_waiting_;
    if (first_waiting_ == waiting_.size()) return std::nullopt;
    std::uint64_t& word = waiting_[first_waiting_];
    const auto bit = static_cast<std::size_t>(std::countr_zero(word));
    word &= word - 1;
    return static_cast<std::uint32_t>(first_waiting_ * kWordBits + bit);
  }

  /// A path leads to a place where others may lead.
  void arrive(std::uint32_t pc, const Known& known) {
    Meeting& meeting = meetings_[meeting_at_[pc]];
    if (meeting.seen && !meeting.known.meet(known)) return;
    if (!meeting.seen) meeting.known = known;
    meeting.seen = true;
    waiting_[pc / kWordBits] |= std::uint64_t{1} << pc % kWordBits;
    first_waiting_ = std::min<std::size_t>(first_waiting_, pc / kWordBits);
  }

  /// To where paths meet again, with what is known on the way. What it writes down, it will write again when less
  /// turns out to be known.
  void walk(std::uint32_t pc, Known& state) {
    while (true) {
      if (pass_unknown(pc, state)) return arrive(pc, state);
      if (!facts_.at(pc).reached) return;  // a callback may never be called
      reach(pc);
      const Insn& insn = program_.insns[pc];
      std::uint32_t next = pc + 1;
      const Shape& shape = shape_of(forms_[pc]);
      switch (kRows[static_cast<std::size_t>(forms_[pc])].step) {
        case Step::compute:
          compute(pc, insn, shape, state);
          break;
        case Step::load:
          load(pc, insn, shape, state);
          break;
        case Step::store:
          store(pc, insn, shape, state);
          break;
        case Step::branch:
          if (!branch(pc, insn, shape, state)) return;
          break;
        case Step::jump:
          next = target_of(insn, shape, pc);
          break;
        case Step::exit:
          return;
        case Step::other:
          other(pc, insn, shape, state);
          next = pc + slots_of(shape);
          break;
      }
      if (meeting_at_[next] != kNone) return arrive(next, state);
      pc = next;
    }
  }

  void reach(std::uint32_t pc) {
    if (settled_.at[pc].reached) forget_what_became(pc);
    settled_.at[pc].reached = true;
  }

  /// Of an instruction that the walk comes to again.
  void forget_what_became(std::uint32_t pc) {
    settled_.insns[pc] = program_.insns[pc];
    settled_.forms[pc] = forms_[pc];
    settled_.at[pc] = {};
  }

  /// Moves `pc` over instructions that only make something unknown of what is unknown: most do, in no order that a
  /// processor could foresee, so that there is one branch for all that it depends on. True where paths may meet again.
  bool pass_unknown(std::uint32_t& pc, Known& state) {
    const std::span<const Insn> insns = program_.insns;
    const std::span<const Form> forms = forms_;
    const std::span<const std::uint32_t> meeting_at = meeting_at_;
    const std::span<Settled> settled = settled_.at;
    const unsigned nothing_of_frame = state.stack.is_unknown();
    const auto most = static_cast<Passes>(nothing_of_frame);
    unsigned known = state.regs.known(), known_bases = known & ~(nothing_of_frame << isa::kFramePointer);
    unsigned forgotten = 0;
    std::uint32_t at = pc;
    for (bool meets = false; !meets; meets = meeting_at[++at] != kNone) {
      const Row& row = kRows[static_cast<std::size_t>(forms[at])];
      const Insn insn = insns[at];
      const verifier::InsnFacts& facts = facts_.at(at);
      const unsigned read = unsigned{row.reads_dst} << insn.dst | unsigned{row.reads_src} << insn.src;
      const unsigned is_unknown = ((row.is_access ? known_bases : known) & read) == 0;
      const unsigned yields_number = facts.value.value().has_value();
      if ((unsigned{facts.reached} & unsigned{row.passes <= most} & is_unknown & ~yields_number) == 0) break;
      if (settled[at].reached) forget_what_became(at);
      settled[at].reached = true;
      const unsigned written = unsigned{row.writes_dst} << insn.dst;
      forgotten |= written;
      known &= ~written;
      known_bases &= ~written;
    }
    const bool meets = at != pc && meeting_at[at] != kNone;
    state.regs.forget(forgotten);
    pc = at;
    return meets;
  }

  /// False when no path falls through.
  bool branch(std::uint32_t pc, const Insn& insn, const Shape& shape, Known& state) {
    const bool has_source = shape.operands == Operands::compare_src;
    const Value left = state.regs[insn.dst];
    const Value right = has_source ? state.regs[insn.src] : Value::number(extended(insn.imm));
    const Ways ways = ways_on(pc, left, right);
    settled_.at[pc].jumps = ways.jumps;
    settled_.at[pc].falls_through = ways.falls_through;
    if (has_source && right.is_number()) make_immediate(pc, right.bits);
    const bool whole = shape.width == 64;
    const auto equal = [&](Known& at) {
      if (whole && right.is_number()) at.regs.set(insn.dst, right);
      if (whole && has_source && left.is_number()) at.regs.set(insn.src, left);
    };
    if (ways.jumps && shape.operation == Operation::jeq_) {
      Known there = state;
      equal(there);
      arrive(target_of(insn, shape, pc), there);
    } else if (ways.jumps) {
      arrive(target_of(insn, shape, pc), state);
    }
    if (ways.falls_through && shape.operation == Operation::jne_) equal(state);
    return ways.falls_through;
  }

  [[nodiscard]] Ways ways_on(std::uint32_t pc, const Value& left, const Value& right) const {
    const verifier::InsnFacts& facts = facts_.at(pc);
    Ways ways{facts.jumps, facts.falls_through};
    if (!left.is_number() || !right.is_number()) return ways;
    const bool taken = evaluator(forms_[pc])(left.bits, right.bits) != 0;
    // No run gets to a branch that goes neither way; it only has to lead somewhere.
    if (taken ? ways.jumps : ways.falls_through) ways = {taken, !taken};
    return ways;
  }

  void other(std::uint32_t pc, const Insn& insn, const Shape& shape, Known& state) {
    switch (shape.operands) {
      case Operands::atomic:
        return change(pc, insn, shape, state);
      case Operands::lddw:
        state.regs.set(insn.dst, constant(pc, insn, shape));
        if (shape.operation == Operation::lddw_func_) arrive(target_of(insn, shape, pc), Known::at_entry());
        return;
      case Operands::call_imm:
        return call_helper(pc, insn, state);
      case Operands::call_pc:
        return call_function(pc, insn, shape, state);
      case Operands::packet_abs:
      case Operands::packet_ind:
        return state.regs.forget(isa::kCallerSaved);
      case Operands::dst_src_imm:
        return state.regs.forget(1u << insn.dst);
      case Operands::jump_off:  // may_goto
        return arrive(target_of(insn, shape, pc), state);
      case Operands::dst:  // a call through a register, which no proven program has
        state = {};
        return;
      case Operands::none:
      case Operands::dst_imm:
      case Operands::dst_src:
      case Operands::load:
      case Operands::store_imm:
      case Operands::store_src:
      case Operands::jump_imm:
      case Operands::compare_imm:
      case Operands::compare_src:
        return;
    }
  }

  void compute(std::uint32_t pc, const Insn& insn, const Shape& shape, Known& state) {
    const bool has_source = shape.operands == Operands::dst_src;
    const bool copies = shape.operation == Operation::mov_ || shape.operation == Operation::movsx_;
    const Value dst = state.regs[insn.dst];
    const Value src = has_source ? state.regs[insn.src] : Value::number(extended(insn.imm));
    if ((copies || dst.is_number()) && src.is_number()) {
      const std::uint64_t result = evaluator(forms_[pc])(dst.bits, src.bits);
      state.regs.set(insn.dst, Value::number(result));
      const bool says_so = copies && !has_source;
      if (!says_so) become(pc, result);
      return;
    }
    if (has_source && src.is_number()) make_immediate(pc, src.bits);
    state.regs.set(insn.dst, moved(shape, dst, src));
  }

  /// What a pointer to the frame becomes.
  static Value moved(const Shape& shape, const Value& dst, const Value& src) {
    if (shape.width != 64) return {};
    const bool adds = shape.operation == Operation::add_;
    if (shape.operation == Operation::mov_) return src;
    if (adds && dst.is_number() && src.is_frame()) return Value::frame(dst.bits + src.bits);
    if (!dst.is_frame() || !src.is_number()) return {};
    if (adds) return Value::frame(dst.bits + src.bits);
    return shape.operation == Operation::sub_ ? Value::frame(dst.bits - src.bits) : Value{};
  }

  void load(std::uint32_t pc, const Insn& insn, const Shape& shape, Known& state) {
    std::optional<std::uint64_t> bytes = facts_.at(pc).value.value();
    if (const auto off = frame_off(state.regs[insn.src], insn, shape)) {
      if (!bytes) bytes = state.stack.load(*off, shape.bytes());
      go_through_frame_pointer(pc, shape, *off);
    }
    if (!bytes) return state.regs.forget(1u << insn.dst);
    const std::uint64_t result = loaded(*bytes, shape);
    state.regs.set(insn.dst, Value::number(result));
    become(pc, result);
  }

  void store(std::uint32_t pc, const Insn& insn, const Shape& shape, Known& state) {
    const bool has_source = shape.operands == Operands::store_src;
    const Value value = has_source ? state.regs[insn.src] : Value::number(extended(insn.imm));
    const unsigned bytes = shape.bytes();
    if (const auto off = frame_off(state.regs[insn.dst], insn, shape)) {
      if (value.is_number())
        state.stack.store(*off, bytes, value.bits);
      else
        state.stack.forget(*off, bytes);
      go_through_frame_pointer(pc, shape, *off);
    } else {
      forget_stores(pc, state);
    }
    if (has_source && value.is_number()) make_immediate(pc, bytes == 8 ? value.bits : low_half(value.bits));
  }

  void change(std::uint32_t pc, const Insn& insn, const Shape& shape, Known& state) {
    if (const auto off = frame_off(state.regs[insn.dst], insn, shape))
      state.stack.forget(*off, shape.bytes());
    else
      forget_stores(pc, state);
    state.regs.forget(isa::registers_of(shape.writes, insn.dst, insn.src));
  }

  [[nodiscard]] Value constant(std::uint32_t pc, const Insn& insn, const Shape& shape) const {
    const auto low = static_cast<std::uint32_t>(insn.imm);
    const auto high = static_cast<std::uint32_t>(program_.insns[pc + 1].imm);
    if (program_.kfunc_at(pc) != nullptr || program_.poison_at(pc) != nullptr) return {};
    if (shape.operation == Operation::lddw_imm_) return Value::number(std::uint64_t{high} << 32 | low);
    const bool of_map =
        shape.operation == Operation::lddw_map_value_ || shape.operation == Operation::lddw_map_idx_value_;
    if (!of_map || low >= maps_.size() || !maps_[low]->usable()) return {};
    const auto areas = maps_[low]->value_areas();
    if (areas.size() != 1 || maps_[low]->per_cpu() || high >= areas[0].value_size) return {};
    return Value::number(reinterpret_cast<std::uint64_t>(areas[0].base + high));
  }

  void call_helper(std::uint32_t pc, const Insn& insn, Known& state) {
    const abi::Helper* helper = nullptr;
    if (insn.src == 0 && program_.kfunc_at(pc) == nullptr && program_.poison_at(pc) == nullptr)
      helper = abi::find_helper(static_cast<std::uint32_t>(insn.imm), program_.type,
                                static_cast<abi::AttachType>(program_.expected_attach_type));
    Value result;
    if (helper == nullptr || (helper->effects & abi::calls_back) != 0 || writes_anywhere(*helper))
      state.stack.forget_all();
    else
      result = call_known_helper(pc, *helper, state);
    state.regs.forget(isa::kCallerSaved);
    state.regs.set(kResult, result);
    if (result.is_number()) become(pc, result.bits);
  }

  /// To an address that is a mere number.
  static bool writes_anywhere(const abi::Helper& helper) {
    return static_cast<abi::HelperId>(helper.id) == abi::HelperId::probe_write_user;
  }

  [[nodiscard]] Value call_known_helper(std::uint32_t pc, const abi::Helper& helper, Known& state) const {
    Value result;
    if (static_cast<abi::HelperId>(helper.id) == abi::HelperId::map_lookup_elem) result = element(pc, state);
    for (unsigned i = 0; i < helper.args.size(); ++i) {
      const Value reg = state.regs[kFirstArgument + i];
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
  [[nodiscard]] Value element(std::uint32_t pc, const Known& state) const {
    const auto index = facts_.at(pc).value.value();
    if (!index || *index >= maps_.size()) return {};
    const maps::MapStorage& map = *maps_[*index];
    const Value at = state.regs[kFirstArgument + 1];
    constexpr unsigned kKeyBytes = 4;
    if (map.spec().type != MapType::array || !map.usable()) return {};
    if (!at.is_frame() || !StackBytes::holds(at.off(), kKeyBytes)) return {};
    const auto key = state.stack.load(at.off(), kKeyBytes);
    if (!key || *key >= map.spec().max_entries) return {};
    const maps::ValueArea& values = map.value_areas().front();
    return Value::number(reinterpret_cast<std::uint64_t>(values.base + *key * values.stride));
  }

  [[nodiscard]] static std::optional<std::uint64_t> written_bytes(const abi::Helper& helper, unsigned argument,
                                                                  const Known& state) {
    const abi::ArgSpec& arg = helper.args[argument];
    if (arg.kind == abi::Arg::dynptr_out) return kDynptrBytes;
    if (arg.bytes != 0) return arg.bytes;
    const bool sized = argument + 1 < helper.args.size() && (helper.args[argument + 1].kind == abi::Arg::size ||
                                                             helper.args[argument + 1].kind == abi::Arg::size_or_zero);
    if (!sized) return std::nullopt;
    const Value size = state.regs[kFirstArgument + argument + 1];
    return size.is_number() ? std::optional(size.bits) : std::nullopt;
  }

  /// The callee may write where it is given pointers to; what it is given as numbers, it knows if all callers agree.
  void call_function(std::uint32_t pc, const Insn& insn, const Shape& shape, Known& state) {
    Known callee = Known::at_entry();
    for (unsigned i = kFirstArgument; i < kFirstArgument + kArguments; ++i)
      if (state.regs[i].is_number()) callee.regs.set(i, state.regs[i]);
    arrive(target_of(insn, shape, pc), callee);
    state.stack.forget_all();
    state.regs.forget(isa::kCallerSaved);
  }

  /// A store somewhere: perhaps to this frame.
  void forget_stores(std::uint32_t pc, Known& state) const {
    const verifier::KindSet base = facts_.at(pc).base;
    if (base == 0 || (base & verifier::kind_bit(verifier::RegKind::stack)) != 0) state.stack.forget_all();
  }

  /// Where in this function's frame an access goes, when that is known.
  [[nodiscard]] static std::optional<std::int64_t> frame_off(const Value& base, const Insn& insn, const Shape& shape) {
    const std::int64_t off = base.off() + insn.off;
    return base.is_frame() && StackBytes::holds(off, shape.bytes()) ? std::optional(off) : std::nullopt;
  }

  // What is written down.

  void become(std::uint32_t pc, std::uint64_t number) {
    settled_.at[pc].becomes = Becomes::number;
    settled_.at[pc].number = number;
  }

  static std::uint64_t low_half(std::uint64_t number) { return extended(static_cast<std::int32_t>(number)); }

  /// The form with an immediate for the source register, where there is one that holds the number.
  void make_immediate(std::uint32_t pc, std::uint64_t number) {
    constexpr std::uint8_t kSourceBit = 8, kClassMask = 7, kStx = 3, kSt = 2;
    const Shape& shape = shape_of(forms_[pc]);
    Insn insn = settled_.insns[pc];
    const bool stores = (insn.opcode & kClassMask) == kStx;
    if (!stores && shape.width == 32) number = low_half(number);
    if (!fits(number)) return;
    using enum Operation;
    const Operation operation = shape.operation;
    const bool divides = operation == div_ || operation == sdiv_ || operation == mod_ || operation == smod_;
    const bool shifts = operation == lsh_ || operation == rsh_ || operation == arsh_;
    if (divides && number == 0) return;  // by an immediate there is no such division
    insn.opcode = static_cast<std::uint8_t>(stores ? (insn.opcode & ~kClassMask) | kSt : insn.opcode & ~kSourceBit);
    insn.src = 0;
    insn.imm = static_cast<std::int32_t>(shifts ? number & (shape.width - 1) : number);
    const unsigned form = isa::find_form(insn);
    if (form == isa::kFormCount) return;
    settled_.insns[pc] = insn;
    settled_.forms[pc] = static_cast<Form>(form);
  }

  void go_through_frame_pointer(std::uint32_t pc, const Shape& shape, std::int64_t off) {
    Insn& insn = settled_.insns[pc];
    const bool loads = shape.operands == Operands::load;
    if (loads) insn.src = isa::kFramePointer;
    if (!loads) insn.dst = isa::kFramePointer;
    insn.off = static_cast<std::int16_t>(off);
  }

  const program::Program& program_;
  const std::vector<Form> forms_;  // of its instructions
  const verifier::Facts& facts_;
  std::span<const std::shared_ptr<maps::MapStorage>> maps_;
  SettledProgram& settled_;
  std::vector<std::uint32_t> meeting_at_;  // by pc
  std::uint32_t meeting_count_ = 0;
  std::vector<Meeting> meetings_;
  std::vector<std::uint64_t> waiting_;  // by pc, bit by bit: meetings to walk on from
  std::size_t first_waiting_ = 0;       // no word before has one
  Known here_;                          // where the walk is
};

}  // namespace

void find_constants(const program::Program& program, const verifier::Facts& facts,
                    std::span<const std::shared_ptr<maps::MapStorage>> maps, SettledProgram& settled) {
  Constants(program, facts, maps, settled).run();
}

}  // namespace skep::lower
