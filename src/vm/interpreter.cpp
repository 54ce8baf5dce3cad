// Threaded dispatch over ops. Every code has its label here, made from the instruction table's own rows, and what it
// does in perform(): a code that perform() does not know does not compile.
//
// Registers live in an array that the compiler keeps addressed by one register. A guarded memory op compares the
// address with the window its base register used last and calls into the run only when that does not answer. Sequences
// (sequences.inc) stand for the ops from here on; they are met only where nobody counts.
#include "vm/interpreter.hpp"

#include <cerrno>

#include "vm/fuse.hpp"
#include "vm/step.hpp"

namespace skep::vm {
namespace {

using isa::Operands;
using isa::Operation;

/// One atomic operation; r[op.src] or r0 receives the old value where the form says so.
template <Operation kOp, unsigned kBytes>
inline void atomic(std::uint64_t address, const Op& op, Registers& r) noexcept {
  using U = Unsigned<kBytes>;
  using enum Operation;
  auto* at = reinterpret_cast<U*>(address);
  const auto value = static_cast<U>(r[op.src]);
  if constexpr (kOp == atomic_add_)
    __atomic_fetch_add(at, value, __ATOMIC_RELAXED);
  else if constexpr (kOp == atomic_or_)
    __atomic_fetch_or(at, value, __ATOMIC_RELAXED);
  else if constexpr (kOp == atomic_and_)
    __atomic_fetch_and(at, value, __ATOMIC_RELAXED);
  else if constexpr (kOp == atomic_xor_)
    __atomic_fetch_xor(at, value, __ATOMIC_RELAXED);
  else if constexpr (kOp == atomic_fetch_add_)
    r[op.src] = __atomic_fetch_add(at, value, __ATOMIC_SEQ_CST);
  else if constexpr (kOp == atomic_fetch_or_)
    r[op.src] = __atomic_fetch_or(at, value, __ATOMIC_SEQ_CST);
  else if constexpr (kOp == atomic_fetch_and_)
    r[op.src] = __atomic_fetch_and(at, value, __ATOMIC_SEQ_CST);
  else if constexpr (kOp == atomic_fetch_xor_)
    r[op.src] = __atomic_fetch_xor(at, value, __ATOMIC_SEQ_CST);
  else if constexpr (kOp == atomic_xchg_)
    r[op.src] = __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);
  else {
    static_assert(kOp == atomic_cmpxchg_);
    auto expected = static_cast<U>(r[0]);
    __atomic_compare_exchange_n(at, &expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    r[0] = expected;
  }
}

/// Atomic accesses need their alignment whatever the window says.
template <Operation kOp, unsigned kBytes>
constexpr bool aligned_enough(std::uint64_t address) noexcept {
  using enum Operation;
  if constexpr (kOp == load_ || kOp == load_signed_ || kOp == store_)
    return true;
  else
    return address % kBytes == 0;
}

/// Takes `op` from `target` where it is the same, and notes it there where not. A processor that guesses the branch
/// here need not wait for the distance that led to `op`: around a loop, the next round starts before this one has
/// ended.
[[gnu::always_inline]] inline void expect_again(const Op*& op, const Op*& target) noexcept {
  auto distance = reinterpret_cast<std::uintptr_t>(op) - reinterpret_cast<std::uintptr_t>(target);
  asm("" : "+r"(distance));  // or the compiler would know that both are the same
  if (distance == 0) {
    asm volatile("");  // or it would choose without a branch
    op = target;
  } else {
    target = op;
  }
}

const lower::Binding& binding_of(const Op& op) noexcept { return *reinterpret_cast<const lower::Binding*>(op.imm); }

const lower::KnownCall& known_call_of(const Op& op) noexcept {
  return *reinterpret_cast<const lower::KnownCall*>(op.imm);
}

/// Word by word, as the program is likely to have stored them: whoever reads the value meanwhile sees each old or new.
inline void copy_words(std::uint64_t from, std::uint64_t to, std::uint32_t bytes) noexcept {
  for (; bytes >= 8; bytes -= 8, from += 8, to += 8) guest_store(to, guest_load<std::uint64_t>(from));
  if ((bytes & 4) != 0) {
    guest_store(to, guest_load<std::uint32_t>(from));
    from += 4;
    to += 4;
  }
  if ((bytes & 2) != 0) {
    guest_store(to, guest_load<std::uint16_t>(from));
    from += 2;
    to += 2;
  }
  if ((bytes & 1) != 0) guest_store(to, guest_load<std::uint8_t>(from));
}

}  // namespace

/// What ops do that are not plain: one function template an operand kind, one function a code of lowering's own. They
/// say where to go on; `left` is what they find and leave of the budget.
class Interpreter {
 public:
  template <bool kCounted>
  static std::uint64_t execute(Run& run, const Op* op, Frame* frame);

 private:
  /// Where an op leads.
  enum class Then : std::uint8_t {
    next,   ///< to the op after it
    here,   ///< to `op`, which it has set
    again,  ///< there as well, and around a loop mostly to where it led the last time
    left,   ///< back to who called execute(): its frame has returned
    ended,  ///< nowhere: the run has ended
  };

  template <Code kCode>
  [[gnu::always_inline]] static Then perform(Run& run, const Op*& op, Frame*& frame, std::uint64_t& last,
                                             std::uint64_t& left) {
    constexpr Operands kOperands = lower::shape_of(kCode).operands;
    Registers& r = frame->r;
    if constexpr (is_plain(kCode))
      return step<kCode>(op, r, last) ? Then::again : Then::next;
    else if constexpr (kCode > Code::constant)
      return call<kCode>(run, op, *frame, left);
    else if constexpr (kOperands == Operands::load)
      return load_op<kCode>(run, *op, r, last);
    else if constexpr (kOperands == Operands::store_imm || kOperands == Operands::store_src)
      return store_checked<kCode>(run, *op, r, last);
    else if constexpr (kOperands == Operands::atomic)
      return atomic_op<kCode>(run, *op, r);
    else if constexpr (kOperands == Operands::packet_abs)
      return packet<kCode>(run, *op, r, 0);
    else if constexpr (kOperands == Operands::packet_ind)
      return packet<kCode>(run, *op, r, static_cast<std::uint32_t>(r[op->src]));
    else
      return flow<kCode>(run, op, frame, left);
  }

  template <Code kCode>
  [[gnu::always_inline]] static Then load_op(Run& run, const Op& op, Registers& r, std::uint64_t& last) {
    constexpr lower::Shape kShape = lower::shape_of(kCode);
    constexpr Operation kOp = kShape.operation;
    constexpr unsigned kBytes = kShape.bytes();
    const std::uint64_t address = at(right_of<kCode>(op, r, last), op);
    std::uint64_t value = 0;
    bool direct = kShape.check != lower::Check::probe;
    if constexpr (kShape.check == lower::Check::checked)
      direct = window(run, Access::read, op.src).allows(address, kBytes) && aligned_enough<kOp, kBytes>(address);
    if constexpr (kShape.check == lower::Check::field) direct = address - run.m_.context_base >= run.m_.context_bytes;
    if (__builtin_expect(direct, 1)) {
      last = load<kOp, kBytes>(address);
    } else if constexpr (kOp == Operation::load_acquire_) {
      if (!run.atomic_allowed(op, Access::read, op.src, address, kBytes)) return Then::ended;
      last = load<kOp, kBytes>(address);
    } else {
      if constexpr (kShape.check == lower::Check::probe)
        value = run.probe(address, kBytes);
      else if (!run.load_slowly(op, address, kBytes, value))
        return Then::ended;
      last = extend<kOp, kBytes>(value);
    }
    r[op.dst] = last;
    return Then::next;
  }

  template <Code kCode>
  [[gnu::always_inline]] static Then store_checked(Run& run, const Op& op, Registers& r, std::uint64_t last) {
    constexpr lower::Shape kShape = lower::shape_of(kCode);
    constexpr Operation kOp = kShape.operation;
    constexpr unsigned kBytes = kShape.bytes();
    const std::uint64_t address = at(r[op.dst], op);
    const std::uint64_t value = right_of<kCode>(op, r, last);
    if (__builtin_expect(
            window(run, Access::write, op.dst).allows(address, kBytes) && aligned_enough<kOp, kBytes>(address), 1)) {
      store<kOp, kBytes>(address, value);
      return Then::next;
    }
    if constexpr (kOp == Operation::store_release_) {
      if (!run.atomic_allowed(op, Access::write, op.dst, address, kBytes)) return Then::ended;
      store<kOp, kBytes>(address, value);
      return Then::next;
    } else {
      return run.store_slowly(op, address, kBytes, value) ? Then::next : Then::ended;
    }
  }

  template <Code kCode>
  [[gnu::always_inline]] static Then atomic_op(Run& run, const Op& op, Registers& r) {
    constexpr lower::Shape kShape = lower::shape_of(kCode);
    constexpr unsigned kBytes = kShape.bytes();
    const std::uint64_t address = at(r[op.dst], op);
    if constexpr (kShape.check == lower::Check::checked) {
      const bool seen = window(run, Access::write, op.dst).allows(address, kBytes) && address % kBytes == 0;
      if (!__builtin_expect(seen, 1) && !run.atomic_allowed(op, Access::write, op.dst, address, kBytes))
        return Then::ended;
    }
    atomic<kShape.operation, kBytes>(address, op, r);
    return Then::next;
  }

  template <Code kCode>
  [[gnu::always_inline]] static Then packet(Run& run, const Op& op, Registers& r, std::uint32_t from) {
    r[0] = run.load_packet(static_cast<std::uint64_t>(op.imm) + from, lower::shape_of(kCode).bytes());
    return Then::next;
  }

  /// What changes where control is, in the program itself.
  template <Code kCode>
  [[gnu::always_inline]] static Then flow(Run& run, const Op*& op, Frame*& frame, std::uint64_t& left) {
    if constexpr (kCode == Code::may_goto) {
      if (run.m_.may_goto_left != 0) {
        --run.m_.may_goto_left;
        return Then::next;
      }
      op += op->off;
      return Then::here;
    } else if constexpr (kCode == Code::call_subprog) {
      return enter(run, op, frame, *reinterpret_cast<const lower::Function*>(op->imm), op + op->off);
    } else if constexpr (kCode == Code::callx || kCode == Code::callx_dst_ready) {
      const lower::Image& image = *run.m_.current;
      if (const lower::Function* callee = image.function_at(frame->r[op->dst]))
        return enter(run, op, frame, *callee, run.ops_of(image) + callee->op);
      run.m_.budget = left;
      run.call_named_by_register(*op, frame->r);
      left = run.m_.budget;
      return run.m_.ended ? Then::ended : Then::next;
    } else if constexpr (kCode == Code::exit) {
      if (frame->back.op == nullptr) return Then::left;
      op = frame->back.op;
      frame = &run.pop_frame(*frame);
      return Then::here;
    } else {
      // Lowering turns the others into codes of its own, or refuses them.
      static_assert(is_lowered_away(kCode));
      __builtin_unreachable();
    }
  }

  static constexpr bool is_lowered_away(Code code) noexcept {
    const Operands operands = lower::shape_of(code).operands;
    return operands == Operands::call_imm || operands == Operands::lddw || operands == Operands::dst_src_imm;
  }

  [[gnu::always_inline]] static Then enter(Run& run, const Op*& op, Frame*& frame, const lower::Function& callee,
                                           const Op* target) {
    Frame* const next = run.push_frame(*frame, op + 1);
    if (next == nullptr) {
      run.fault(*op, FaultKind::call_depth);
      return Then::ended;
    }
    frame = next;
    run.clear_frame(callee);
    op = target;
    return Then::here;
  }

  /// Calls that leave the program.
  template <Code kCode>
  [[gnu::always_inline]] static Then call(Run& run, const Op*& op, Frame& frame, std::uint64_t& left) {
    using enum Code;
    Registers& r = frame.r;
    if constexpr (kCode == call_checked || kCode == call_lookup_checked || kCode == tail_call_checked)
      if (!run.check_arguments(*op, binding_of(*op).row, r)) return Then::ended;
    if constexpr (kCode == call_checked || kCode == call_free || kCode == call_lookup_checked) {
      const std::uint64_t map = r[1];
      run.m_.budget = left;
      run.call_helper(*op, binding_of(*op), r);
      left = run.m_.budget;
      if (run.m_.ended) return Then::ended;
      if constexpr (kCode == call_lookup_checked) run.open_value(helpers::map_of(map), r);
      return Then::next;
    } else if constexpr (kCode == lookup_array) {
      r[0] = value_at(run, known_call_of(*op), r[2]);
      return Then::next;
    } else if constexpr (kCode == lookup_direct || kCode == call_direct) {
      const lower::KnownCall& known = known_call_of(*op);
      const auto map = reinterpret_cast<std::uint64_t>(known.map);
      if (kCode == lookup_direct || (!known.about_record && known.stored_bytes == 0)) {
        r[0] = known.code(known.wants_cpu ? run.cpu() : 0, map, r[2], r[3], r[4]);
        return Then::next;
      }
      if (!known.about_record) {
        const std::uint64_t value = value_at(run, known, r[2]);
        if (value != 0) copy_words(r[3], value, known.stored_bytes);
        r[0] = value != 0 ? 0 : static_cast<std::uint64_t>(std::int64_t{-E2BIG});
        return Then::next;
      }
      run.call_helper(*op, *known.binding, r);
      return run.m_.ended ? Then::ended : Then::next;
    } else if constexpr (kCode == kCallRecord) {
      const lower::KnownCall& known = known_call_of(*op);
      r[0] = known.code(reinterpret_cast<std::uint64_t>(known.map), r[1], r[2], r[3], r[4]);
      return Then::next;
    } else if constexpr (kCode == tail_call || kCode == tail_call_checked) {
      const lower::Image* target = run.tail_target(r);
      if (target == nullptr) return run.m_.ended ? Then::ended : Then::next;
      run.switch_to(*target);
      run.clear_frame(target->functions.front());
      run.enter_again(frame, *target);
      op = run.ops_of(*target);
      return Then::here;
    } else {
      static_assert(kCode == trap);
      run.fault(*op, FaultKind::unresolved);
      return Then::ended;
    }
  }

  /// Of an array: the address of the value that the key at `key` names, 0 past the end.
  static std::uint64_t value_at(Run& run, const lower::KnownCall& known, std::uint64_t key) noexcept {
    const std::uint64_t index = guest_load<std::uint32_t>(key);
    const std::uint64_t lane = known.wants_cpu ? run.cpu() * known.lane_bytes : 0;
    return index < known.count ? reinterpret_cast<std::uint64_t>(known.base) + lane + index * known.stride : 0;
  }

  static const Window& window(const Run& run, Access access, unsigned reg) noexcept {
    return run.m_.windows[static_cast<unsigned>(access)][reg];
  }
};

// A label has what its op does, and its own jump to the next.
#define SKEP_GO_ON()                                  \
  do {                                                \
    if constexpr (kCounted) {                         \
      if (left == 0) goto out_of_budget;              \
      --left;                                         \
    }                                                 \
    goto* labels[static_cast<std::size_t>(op->code)]; \
  } while (false)
#define SKEP_DO(...)                                          \
  {                                                           \
    const Op* const from = op;                                \
    switch (__VA_ARGS__) {                                    \
      case Then::next:                                        \
        ++op;                                                 \
        SKEP_GO_ON();                                         \
      case Then::here:                                        \
        SKEP_GO_ON();                                         \
      case Then::again:                                       \
        if (!kCounted && op < from) expect_again(op, target); \
        SKEP_GO_ON();                                         \
      case Then::left:                                        \
        run.m_.budget = left;                                 \
        return frame->r[0];                                   \
      case Then::ended:                                       \
        goto ended;                                           \
    }                                                         \
  }
#define SKEP_LABEL_OF_ROW(line) sequence_##line
#define SKEP_ROW_LABEL(line) SKEP_LABEL_OF_ROW(line)

template <bool kCounted>
std::uint64_t Interpreter::execute(Run& run, const Op* op, Frame* frame) {
  std::uint64_t last = 0;  // what the op before wrote
  using enum Code;
  static const void* const labels[] = {
#define SKEP_CODE(code) &&op_##code,
#include "vm/codes.inc"
#define SKEP_SEQUENCE(...) kCounted ? nullptr : &&SKEP_ROW_LABEL(__LINE__),
#include "vm/sequences.inc"
      kCounted ? nullptr : &&call_record,
  };
  std::uint64_t left = run.m_.budget;
  [[maybe_unused]] const Op* target = nullptr;  // of the last jump back
  SKEP_GO_ON();

#define SKEP_CODE(code) op_##code : SKEP_DO(perform<code>(run, op, frame, last, left))
#include "vm/codes.inc"
#define SKEP_SEQUENCE(...)                                                    \
  SKEP_ROW_LABEL(__LINE__) : if constexpr (kCounted) __builtin_unreachable(); \
  else SKEP_DO(sequence<__VA_ARGS__>(op, frame->r, last) ? Then::again : Then::next)
#include "vm/sequences.inc"
call_record:
  if constexpr (kCounted)
    __builtin_unreachable();
  else
    SKEP_DO(call<kCallRecord>(run, op, *frame, left))

  [[maybe_unused]] out_of_budget : run.m_.budget = 0;
  if (run.next_slice(*op)) {
    left = run.m_.budget;
    SKEP_GO_ON();
  }
ended:
  run.m_.budget = left;
  return 0;
}

template <bool kCounted>
std::uint64_t execute(Run& run, const Op* op, Frame& frame) {
  return Interpreter::execute<kCounted>(run, op, &frame);
}

template std::uint64_t execute<false>(Run& run, const Op* op, Frame& frame);
template std::uint64_t execute<true>(Run& run, const Op* op, Frame& frame);

}  // namespace skep::vm
