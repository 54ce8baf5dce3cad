// Branches: what they decide, what either way teaches about numbers, pointers and packets.
#include <array>
#include <limits>
#include <utility>

#include "verifier/facts.hpp"
#include "verifier/transfer/speculation.hpp"

namespace skep::verifier {
namespace {

using isa::Operands;
using isa::Operation;

constexpr std::uint64_t kMaxPacketOffset = 0xffff;

constexpr std::pair<Operation, Cond> kConditions[] = {
    {Operation::jeq_, Cond::eq},   {Operation::jne_, Cond::ne},   {Operation::jgt_, Cond::gt},
    {Operation::jge_, Cond::ge},   {Operation::jlt_, Cond::lt},   {Operation::jle_, Cond::le},
    {Operation::jsgt_, Cond::sgt}, {Operation::jsge_, Cond::sge}, {Operation::jslt_, Cond::slt},
    {Operation::jsle_, Cond::sle}, {Operation::jset_, Cond::set},
};

/// kConditions by operation.
constexpr auto kConditionOf = [] {
  std::array<std::optional<Cond>, 256> table{};
  for (const auto& [from, to] : kConditions) table[static_cast<std::uint8_t>(from)] = to;
  return table;
}();

std::optional<Cond> condition_of(Operation operation) { return kConditionOf[static_cast<std::uint8_t>(operation)]; }

/// `a cond b` said as `b cond a`; the conditions without an order stay.
Cond mirrored(Cond cond) {
  switch (cond) {
    case Cond::gt:
      return Cond::lt;
    case Cond::ge:
      return Cond::le;
    case Cond::lt:
      return Cond::gt;
    case Cond::le:
      return Cond::ge;
    case Cond::sgt:
      return Cond::slt;
    case Cond::sge:
      return Cond::sle;
    case Cond::slt:
      return Cond::sgt;
    case Cond::sle:
      return Cond::sge;
    case Cond::eq:
    case Cond::ne:
    case Cond::set:
      return cond;
  }
  return cond;
}

/// What both sides of a comparison are, seen before either way is taken.
struct Comparison {
  Cond cond;
  bool half;
  unsigned left;           ///< register
  bool has_right = false;  ///< the right side is a register, too
  unsigned right = 0;
  Register a, b;
};

/// A packet pointer against the packet's end, brought to the form `data cond end`.
struct PacketComparison {
  Cond cond;
  const Register* data;
};

std::optional<PacketComparison> as_packet_comparison(const Comparison& c) {
  const auto is_end_of = [](const Register& end, const Register& data) {
    if (data.kind == RegKind::packet) return end.kind == RegKind::packet_end;
    // The metadata ends where the packet begins, as long as nothing was added to that pointer.
    return data.kind == RegKind::packet_meta && end.kind == RegKind::packet && end.off == 0 && end.is_fixed() &&
           end.fixed() == 0;
  };
  if (!c.has_right || c.half) return {};
  if (is_end_of(c.b, c.a)) return PacketComparison{c.cond, &c.a};
  if (is_end_of(c.a, c.b)) return PacketComparison{mirrored(c.cond), &c.b};
  return {};
}

std::optional<bool> decide_packet(const PacketComparison& c) {
  if (c.data->kind != RegKind::packet) return {};
  const bool beyond = c.data->has(reg_flag::beyond_packet_end);
  const bool at = c.data->has(reg_flag::at_packet_end);
  if (!beyond && !at) return {};
  switch (c.cond) {
    case Cond::le:
    case Cond::gt:
      if (beyond) return c.cond == Cond::gt;
      return {};
    case Cond::lt:
    case Cond::ge:
      return c.cond == Cond::ge;
    case Cond::eq:
    case Cond::ne:
    case Cond::sgt:
    case Cond::sge:
    case Cond::slt:
    case Cond::sle:
    case Cond::set:
      return {};
  }
  return {};
}

/// Pointers of these kinds are never 0 once null is ruled out.
bool is_never_null(const Register& reg) {
  if (reg.has(reg_flag::maybe_null) || reg.has(reg_flag::untrusted)) return false;
  switch (reg.kind) {
    case RegKind::map_value:
    case RegKind::map_key:
    case RegKind::map:
    case RegKind::sock:
    case RegKind::sock_common:
    case RegKind::tcp_sock:
    case RegKind::memory:
      return true;
    case RegKind::btf_object:
      return reg.has(reg_flag::trusted);
    case RegKind::uninit:
    case RegKind::scalar:
    case RegKind::ctx:
    case RegKind::stack:
    case RegKind::packet:
    case RegKind::packet_meta:
    case RegKind::packet_end:
    case RegKind::flow_keys:
    case RegKind::xdp_sock:
    case RegKind::buffer:
    case RegKind::tp_buffer:
    case RegKind::function:
      return false;
  }
  return false;
}

std::optional<bool> decide_comparison(const Comparison& c) {
  if (const auto packet = as_packet_comparison(c)) return decide_packet(*packet);
  if (c.a.is_scalar() && c.b.is_scalar()) return decide(c.cond, c.a.num(), c.b.num(), c.half);
  const bool left_is_number = c.a.is_constant();
  const Register& pointer = left_is_number ? c.b : c.a;
  const Register& number = left_is_number ? c.a : c.b;
  if (!pointer.is_pointer() || !number.is_zero() || !is_never_null(pointer)) return {};
  if (c.cond == Cond::eq) return false;
  if (c.cond == Cond::ne) return true;
  return {};
}

/// Sums of 64 and of 32 bits stand in no known relation, but through what both are sums of.
bool is_told(const Register& known, const Register& reg) {
  if (!reg.is_scalar() || reg.id != known.id) return false;
  const bool both_sums = known.has(reg_flag::plus_const) && reg.has(reg_flag::plus_const);
  return !both_sums || known.has(reg_flag::plus_const_32) == reg.has(reg_flag::plus_const_32);
}

/// Brings what was learnt of a scalar to those that are it, or it plus a constant.
void teach_linked(State& state, const Register& known) {
  if (!known.is_scalar() || known.id == 0) return;
  const std::int64_t known_off = known.has(reg_flag::plus_const) ? known.off : 0;
  state.change_all([&](const Register& reg) { return is_told(known, reg); },
                   [&](Register& reg) {
                     const std::int64_t off = reg.has(reg_flag::plus_const) ? reg.off : 0;
                     const auto by = Scalar::constant(static_cast<std::uint64_t>(off - known_off));
                     const bool half = known.has(reg_flag::plus_const_32) || reg.has(reg_flag::plus_const_32);
                     if (off == known_off) {
                       reg.set_num(known.num());
                     } else {
                       reg.set_num(half ? alu_half(Alu::add, known.num(), by) : alu(Alu::add, known.num(), by));
                     }
                     reg.node = known.node;
                   });
}

/// Joins the nodes of all scalars linked to `reg`: whoever needs one of them exact needs all, from here on.
ValueNode join_linked(Walk& walk, const Register& reg) {
  ValueNode node = reg.node;
  if (!reg.is_scalar() || reg.id == 0) return node;
  for (const auto& frame : walk.state.frames) {
    for (const Register& other : frame->regs)
      if (other.is_scalar() && other.id == reg.id) node = walk.values.join(node, other.node);
    for_each_slot(frame->spills, [&](unsigned i) {
      const Register& spilled = frame->stack[i].spilled;
      if (spilled.is_scalar() && spilled.id == reg.id) node = walk.values.join(node, frame->nodes[i]);
    });
  }
  return node;
}

/// What `a cond b` being `holds` teaches about numbers. False when it cannot be.
bool learn_numbers(State& state, const Comparison& c, bool holds) {
  if (!c.a.is_scalar() || !c.b.is_scalar()) return true;
  Register a = c.a, b = c.b;
  Scalar left = a.num(), right = b.num();
  if (!refine(c.cond, holds, left, right, c.half)) return false;
  a.set_num(left);
  b.set_num(right);
  state.change_reg(c.left) = a;
  if (c.has_right && c.right != c.left) state.change_reg(c.right) = b;
  teach_linked(state, a);
  if (c.has_right) teach_linked(state, b);
  return true;
}

/// What a look-up in a map yields once it is not null: maps of maps hold maps, socket maps sockets.
void settle_value(const Walk& walk, Register& reg) {
  if (reg.kind != RegKind::map_value) return;
  switch (walk.lookup_yields(reg)) {
    case abi::LookupYields::nothing:
    case abi::LookupYields::value:
      return;
    case abi::LookupYields::map:
      reg.kind = RegKind::map;
      reg.target |= kInnerMap;
      return;
    case abi::LookupYields::socket:
      reg.kind = RegKind::sock;
      return;
    case abi::LookupYields::xdp_socket:
      reg.kind = RegKind::xdp_sock;
      return;
  }
}

void rule_on_null(const Walk& walk, State& state, const Register& pointer, bool is_null) {
  if (is_null && pointer.ref != 0 && pointer.ref == pointer.id)
    std::erase_if(state.references, [&](const Reference& ref) { return ref.id == pointer.ref; });
  const std::uint32_t id = pointer.id;
  state.change_all(
      [&](const Register& reg) { return reg.is_pointer() && reg.id == id && reg.has(reg_flag::maybe_null); },
      [&](Register& reg) {
        if (is_null) {
          reg = Register::constant(0);
          return;
        }
        reg.flags &= static_cast<std::uint16_t>(~reg_flag::maybe_null);
        reg.id = 0;
        settle_value(walk, reg);
      });
}

/// A comparison with null, or of two pointers of which only one can be null.
bool learn_null(Walk& walk, State& not_taken, State& taken, const Comparison& c) {
  if (c.half || (c.cond != Cond::eq && c.cond != Cond::ne)) return false;
  State& equal = c.cond == Cond::eq ? taken : not_taken;
  State& unequal = c.cond == Cond::eq ? not_taken : taken;
  // Linux learns this from the constant 0 only, not from a register that holds it.
  if (!c.has_right && c.a.has(reg_flag::maybe_null) && c.b.is_zero()) {
    rule_on_null(walk, equal, c.a, true);
    rule_on_null(walk, unequal, c.a, false);
    return true;
  }
  const bool two_pointers = c.has_right && c.a.is_pointer() && c.b.is_pointer() &&
                            c.a.has(reg_flag::maybe_null) != c.b.has(reg_flag::maybe_null) &&
                            c.a.kind != RegKind::btf_object && c.b.kind != RegKind::btf_object;
  if (two_pointers) rule_on_null(walk, equal, c.a.has(reg_flag::maybe_null) ? c.a : c.b, false);
  return false;
}

/// All copies of a packet pointer may read `range` bytes behind their base.
void prove_range(State& state, const Register& data, bool end_is_open) {
  if (data.off < 0 || (data.off == 0 && end_is_open)) return;
  const std::uint64_t farthest = data.num().umax;
  if (farthest > kMaxPacketOffset || farthest + static_cast<std::uint64_t>(data.off) > kMaxPacketOffset) return;
  const std::uint32_t range = static_cast<std::uint32_t>(data.off) + (end_is_open ? 1 : 0);
  state.change_all([&](const Register& reg) { return reg.kind == data.kind && reg.id == data.id && reg.size < range; },
                   [&](Register& reg) { reg.size = range; });
}

void mark_end(State& state, const Register& data, unsigned number, bool beyond) {
  if (data.kind != RegKind::packet) return;
  Register& reg = state.change_reg(number);
  reg.flags &= static_cast<std::uint16_t>(~(reg_flag::at_packet_end | reg_flag::beyond_packet_end));
  reg.flags |= beyond ? reg_flag::beyond_packet_end : reg_flag::at_packet_end;
}

bool learn_packet(State& not_taken, State& taken, const Comparison& c) {
  const auto packet = as_packet_comparison(c);
  if (!packet) return false;
  const unsigned number = packet->data == &c.a ? c.left : c.right;
  const Register data = *packet->data;
  // `data < end` holds in one of the ways and proves a byte at data, `data <= end` none.
  const bool strict = packet->cond == Cond::lt || packet->cond == Cond::ge;
  const bool inside_when_taken = packet->cond == Cond::lt || packet->cond == Cond::le;
  const bool ordered = strict || packet->cond == Cond::le || packet->cond == Cond::gt;
  if (!ordered) return false;
  prove_range(inside_when_taken ? taken : not_taken, data, strict);
  mark_end(inside_when_taken ? not_taken : taken, data, number, !strict);
  return true;
}

}  // namespace

Objection transfer_branch(Walk& walk, const Step& step) {
  const Insn& insn = step.insn;
  Comparison c;
  c.cond = *condition_of(step.info.operation);
  c.half = step.is32();
  c.left = insn.dst;
  c.has_right = step.info.operands == Operands::compare_src;
  c.right = insn.src;
  if (c.has_right) {
    if (auto bad = walk.check_readable(step, insn.src)) return bad;
  }
  if (auto bad = walk.check_readable(step, insn.dst)) return bad;
  c.a = walk.state.reg(insn.dst);
  c.b = c.has_right ? walk.state.reg(insn.src)
                    : Register::constant(static_cast<std::uint64_t>(static_cast<std::int64_t>(insn.imm)));
  if (c.has_right && walk.hides(c.b) && !(c.a.is_packet_any() && c.b.is_packet_any()))
    return step.finds(Code::pointer_comparison_prohibited, {insn.src});

  const auto target = static_cast<std::uint32_t>(isa::jump_target(insn, step.info, step.pc));
  if (const auto decided = decide_comparison(c)) {
    if (c.a.is_scalar()) walk.need_precise(c.a);
    if (c.b.is_scalar()) walk.need_precise(c.b);
    if (walk.facts != nullptr) walk.facts->edge(step.pc, *decided);
    if (auto bad = mispredict(walk, step, *decided ? step.pc + 1 : target)) return bad;
    walk.state.pc = *decided ? target : step.pc + 1;
    return {};
  }
  // A bound of one side may now come from the other, and of all that are linked to them.
  if (c.a.is_scalar() && c.b.is_scalar()) {
    ValueNode node = join_linked(walk, c.a);
    if (c.has_right) node = walk.values.join(node, join_linked(walk, c.b));
    c.a.node = node;
    c.b.node = c.has_right ? node : 0;
  }
  State taken = walk.state;
  taken.pc = target;
  walk.state.pc = step.pc + 1;
  const bool may_take = learn_numbers(taken, c, true);
  const bool may_fall = learn_numbers(walk.state, c, false);
  // A way that contradicts what is known is closed by the numbers as they are, like a decision.
  if (!may_take || !may_fall) {
    walk.need_precise(c.a);
    walk.need_precise(c.b);
  }
  if (walk.facts != nullptr && may_take) walk.facts->edge(step.pc, true);
  if (walk.facts != nullptr && may_fall) walk.facts->edge(step.pc, false);
  const bool told = learn_null(walk, walk.state, taken, c) || learn_packet(walk.state, taken, c);
  const bool null_test = !c.has_right && insn.imm == 0 && c.a.has(reg_flag::maybe_null);
  if (!told && !null_test && walk.hides(c.a)) return step.finds(Code::pointer_comparison_prohibited, {insn.dst});
  if (!may_fall) {
    if (!may_take) return walk.end_path(), Objection{};
    if (auto bad = mispredict(walk, step, step.pc + 1)) return bad;
    walk.state = std::move(taken);
    return {};
  }
  return may_take ? walk.put_aside(step, std::move(taken)) : mispredict(walk, step, target);
}

Objection transfer_may_goto(Walk& walk, const Step& step) {
  if (walk.facts != nullptr) {
    walk.facts->edge(step.pc, true);
    walk.facts->edge(step.pc, false);
  }
  // The counter behind may_goto may run out at any time; while it has not, the program goes on. Each time round, what
  // nothing relied on is forgotten, so that the rounds meet.
  State staying = walk.state;
  staying.pc = step.pc + 1;
  ++staying.may_goto_depth;
  const Checkpoint* here = walk.state.parent;
  const Checkpoint* before =
      here == nullptr ? nullptr : Explored::previous_visit(here->state, step.pc, walk.state.depth());
  if (before != nullptr) widen(walk, *before, staying);
  walk.state.pc = static_cast<std::uint32_t>(isa::jump_target(step.insn, step.info, step.pc));
  return walk.put_aside(step, std::move(staying));
}

}  // namespace skep::verifier
