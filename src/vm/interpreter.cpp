// Threaded dispatch over ops. Every form of the instruction table gets its code here, made from the table's own rows: a
// form without code does not compile.
//
// Registers live in an array that the compiler keeps addressed by one register. A guarded memory op compares the address with
// the window its base register used last and calls into the run only when that does not answer.
#include "vm/interpreter.hpp"

#include "base/guest_memory.hpp"
#include "vm/alu.hpp"

namespace skep::vm {
namespace {

using isa::Operation;
using lower::Op;

[[maybe_unused]] constexpr int any = -1;  // the table's word for a free field

/// Bytes of a memory opcode.
constexpr unsigned access_size(unsigned opcode) noexcept {
  constexpr unsigned kSizes[] = {4, 2, 1, 8};
  return kSizes[opcode >> 3 & 3];
}

template <unsigned kSize>
using Unsigned = std::conditional_t<
    kSize == 8, std::uint64_t,
    std::conditional_t<kSize == 4, std::uint32_t, std::conditional_t<kSize == 2, std::uint16_t, std::uint8_t>>>;

template <Operation kOp, unsigned kWidth, int kOff>
inline std::uint64_t binary(std::uint64_t dst, std::uint64_t src) noexcept {
  if constexpr (kOp == Operation::movsx_) return sign_extend<static_cast<unsigned>(kOff), kWidth>(src);
  else return alu<kOp, kWidth>(dst, src);
}

template <Operation kOp, unsigned kWidth, int kImm>
inline std::uint64_t unary(std::uint64_t value) noexcept {
  if constexpr (kOp == Operation::neg_) return negate<kWidth>(value);
  else return byte_order<kOp, static_cast<unsigned>(kImm)>(value);
}

/// What a load of the form leaves in the register.
template <Operation kOp, unsigned kSize>
inline std::uint64_t extend(std::uint64_t value) noexcept {
  if constexpr (kOp == Operation::load_signed_) return sign_extend<kSize * 8, 64>(value);
  else return value;
}

template <Operation kOp, unsigned kSize>
inline std::uint64_t load(std::uint64_t address) noexcept {
  using U = Unsigned<kSize>;
  if constexpr (kOp == Operation::load_acquire_)
    return __atomic_load_n(reinterpret_cast<const U*>(address), __ATOMIC_ACQUIRE);
  else return extend<kOp, kSize>(guest_load<U>(address));
}

template <Operation kOp, unsigned kSize>
inline void store(std::uint64_t address, std::uint64_t value) noexcept {
  using U = Unsigned<kSize>;
  if constexpr (kOp == Operation::store_release_)
    __atomic_store_n(reinterpret_cast<U*>(address), static_cast<U>(value), __ATOMIC_RELEASE);
  else guest_store<U>(address, static_cast<U>(value));
}

/// One atomic operation; r[op.src] or r0 receives the old value where the form says so.
template <Operation kOp, unsigned kSize>
inline void atomic(std::uint64_t address, const Op& op, Registers& r) noexcept {
  using U = Unsigned<kSize>;
  using enum Operation;
  auto* at = reinterpret_cast<U*>(address);
  const auto value = static_cast<U>(r[op.src]);
  if constexpr (kOp == atomic_add_) __atomic_fetch_add(at, value, __ATOMIC_RELAXED);
  else if constexpr (kOp == atomic_or_) __atomic_fetch_or(at, value, __ATOMIC_RELAXED);
  else if constexpr (kOp == atomic_and_) __atomic_fetch_and(at, value, __ATOMIC_RELAXED);
  else if constexpr (kOp == atomic_xor_) __atomic_fetch_xor(at, value, __ATOMIC_RELAXED);
  else if constexpr (kOp == atomic_fetch_add_) r[op.src] = __atomic_fetch_add(at, value, __ATOMIC_SEQ_CST);
  else if constexpr (kOp == atomic_fetch_or_) r[op.src] = __atomic_fetch_or(at, value, __ATOMIC_SEQ_CST);
  else if constexpr (kOp == atomic_fetch_and_) r[op.src] = __atomic_fetch_and(at, value, __ATOMIC_SEQ_CST);
  else if constexpr (kOp == atomic_fetch_xor_) r[op.src] = __atomic_fetch_xor(at, value, __ATOMIC_SEQ_CST);
  else if constexpr (kOp == atomic_xchg_) r[op.src] = __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);
  else {
    static_assert(kOp == atomic_cmpxchg_);
    auto expected = static_cast<U>(r[0]);
    __atomic_compare_exchange_n(at, &expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    r[0] = expected;
  }
}

/// Atomic accesses need their alignment whatever the window says.
template <Operation kOp, unsigned kSize>
constexpr bool aligned_enough(std::uint64_t address) noexcept {
  using enum Operation;
  if constexpr (kOp == load_ || kOp == load_signed_ || kOp == store_) return true;
  else return address % kSize == 0;
}

}  // namespace

// Which forms reach the engine as they are: all but constants and calls by number, which lowering turns into other codes, and
// addr_space_cast, which it refuses. Their label is never jumped to.
#define SKEP_LABEL_none(form) &&op_##form
#define SKEP_LABEL_dst(form) &&op_##form
#define SKEP_LABEL_dst_imm(form) &&op_##form
#define SKEP_LABEL_dst_src(form) &&op_##form
#define SKEP_LABEL_dst_src_imm(form) &&never
#define SKEP_LABEL_jump_off(form) &&op_##form
#define SKEP_LABEL_jump_imm(form) &&op_##form
#define SKEP_LABEL_compare_imm(form) &&op_##form
#define SKEP_LABEL_compare_src(form) &&op_##form
#define SKEP_LABEL_call_imm(form) &&never
#define SKEP_LABEL_call_pc(form) &&op_##form
#define SKEP_LABEL_load(form) &&op_##form
#define SKEP_LABEL_store_imm(form) &&op_##form
#define SKEP_LABEL_store_src(form) &&op_##form
#define SKEP_LABEL_atomic(form) &&op_##form
#define SKEP_LABEL_lddw(form) &&never
#define SKEP_LABEL_packet_abs(form) &&op_##form
#define SKEP_LABEL_packet_ind(form) &&op_##form

// The code of a form, by its operands, and of its variants. What an op writes stays in `last`, a machine register, beside
// the array: the `ready` variants read it there instead of waiting for the store to come back from memory.
#define SKEP_SET(value)     \
  last = (value);           \
  r[op->dst] = last;        \
  SKEP_NEXT();
#define SKEP_BRANCH(taken)  \
  if (taken) {              \
    op += op->off;          \
    SKEP_DISPATCH();        \
  }                         \
  SKEP_NEXT();
#define SKEP_IMM static_cast<std::uint64_t>(op->imm)
#define SKEP_AT(base) ((base) + static_cast<std::uint64_t>(std::int64_t{op->off}))

#define SKEP_CODE_none(form, opcode, operation, off, imm) \
  op_##form:                                              \
  goto leave_function;
#define SKEP_CODE_dst(form, opcode, operation, off_, imm_)                                \
  op_##form:                                                                              \
  if constexpr (Operation::operation == Operation::call_)                                 \
    goto call_register;                                                                   \
  else                                                                                    \
    last = unary<Operation::operation, class_width(opcode), imm_>(r[op->dst]);            \
  SKEP_SET(last)                                                                          \
  op_##form##_dst_ready:                                                                  \
  if constexpr (Operation::operation == Operation::call_)                                 \
    goto call_register;                                                                   \
  else                                                                                    \
    last = unary<Operation::operation, class_width(opcode), imm_>(last);                  \
  SKEP_SET(last)
#define SKEP_CODE_dst_imm(form, opcode, operation, off_, imm_)                            \
  op_##form:                                                                              \
  SKEP_SET((alu<Operation::operation, class_width(opcode)>(r[op->dst], SKEP_IMM)))        \
  op_##form##_dst_ready:                                                                  \
  SKEP_SET((alu<Operation::operation, class_width(opcode)>(last, SKEP_IMM)))
#define SKEP_CODE_dst_src(form, opcode, operation, off_, imm_)                            \
  op_##form:                                                                              \
  SKEP_SET((binary<Operation::operation, class_width(opcode), off_>(r[op->dst], r[op->src]))) \
  op_##form##_dst_ready:                                                                  \
  SKEP_SET((binary<Operation::operation, class_width(opcode), off_>(last, r[op->src])))   \
  op_##form##_src_ready:                                                                  \
  SKEP_SET((binary<Operation::operation, class_width(opcode), off_>(r[op->dst], last)))
#define SKEP_CODE_dst_src_imm(form, opcode, operation, off_, imm_)
#define SKEP_CODE_jump_off(form, opcode, operation, off_, imm_)                           \
  op_##form:                                                                              \
  if constexpr (Operation::operation == Operation::may_goto_) {                           \
    if (run.m_.may_goto_left != 0) {                                                        \
      --run.m_.may_goto_left;                                                               \
      SKEP_NEXT();                                                                        \
    }                                                                                     \
  }                                                                                       \
  op += op->off;                                                                          \
  SKEP_DISPATCH();
#define SKEP_CODE_jump_imm(form, opcode, operation, off_, imm_) \
  op_##form:                                                    \
  op += op->off;                                                \
  SKEP_DISPATCH();
#define SKEP_CODE_compare_imm(form, opcode, operation, off_, imm_)                        \
  op_##form:                                                                              \
  SKEP_BRANCH((jump_taken<Operation::operation, class_width(opcode)>(r[op->dst], SKEP_IMM))) \
  op_##form##_dst_ready:                                                                  \
  SKEP_BRANCH((jump_taken<Operation::operation, class_width(opcode)>(last, SKEP_IMM)))
#define SKEP_CODE_compare_src(form, opcode, operation, off_, imm_)                        \
  op_##form:                                                                              \
  SKEP_BRANCH((jump_taken<Operation::operation, class_width(opcode)>(r[op->dst], r[op->src]))) \
  op_##form##_dst_ready:                                                                  \
  SKEP_BRANCH((jump_taken<Operation::operation, class_width(opcode)>(last, r[op->src])))  \
  op_##form##_src_ready:                                                                  \
  SKEP_BRANCH((jump_taken<Operation::operation, class_width(opcode)>(r[op->dst], last)))
#define SKEP_CODE_call_imm(form, opcode, operation, off_, imm_)
#define SKEP_CODE_call_pc(form, opcode, operation, off_, imm_) \
  op_##form:                                                   \
  goto call_function;
#define SKEP_CHECKED_LOAD(opcode, operation, base)                                        \
  {                                                                                       \
    constexpr unsigned size = access_size(opcode);                                        \
    const std::uint64_t address = SKEP_AT(base);                                          \
    if (SKEP_LIKELY(read_windows[op->src].allows(address, size) &&                        \
                    (aligned_enough<Operation::operation, size>(address)))) {             \
      SKEP_SET((load<Operation::operation, size>(address)))                               \
    }                                                                                     \
    if constexpr (Operation::operation == Operation::load_acquire_) {                     \
      if (!run.atomic_allowed(*op, Access::read, op->src, address, size)) goto ended;     \
      last = load<Operation::operation, size>(address);                                   \
    } else {                                                                              \
      std::uint64_t value = 0;                                                            \
      if (!run.load_slowly(*op, address, size, value)) goto ended;                        \
      last = extend<Operation::operation, size>(value);                                   \
    }                                                                                     \
    SKEP_SET(last)                                                                        \
  }
#define SKEP_CODE_load(form, opcode, operation, off_, imm_)                               \
  op_##form:                                                                              \
  SKEP_CHECKED_LOAD(opcode, operation, r[op->src])                                        \
  op_##form##_src_ready:                                                                  \
  SKEP_CHECKED_LOAD(opcode, operation, last)                                              \
  op_##form##_free:                                                                       \
  SKEP_SET((load<Operation::operation, access_size(opcode)>(SKEP_AT(r[op->src]))))        \
  op_##form##_free_src_ready:                                                             \
  SKEP_SET((load<Operation::operation, access_size(opcode)>(SKEP_AT(last))))              \
  op_##form##_field: {                                                                    \
    const std::uint64_t address = SKEP_AT(r[op->src]);                                    \
    if (SKEP_LIKELY(address - run.m_.context_base >= run.m_.context_bytes)) {        \
      SKEP_SET((load<Operation::operation, access_size(opcode)>(address)))                \
    }                                                                                     \
    std::uint64_t value = 0;                                                              \
    if (!run.load_slowly(*op, address, access_size(opcode), value)) goto ended;           \
    SKEP_SET((extend<Operation::operation, access_size(opcode)>(value)))                  \
  }                                                                                       \
  op_##form##_probe:                                                                      \
  SKEP_SET((extend<Operation::operation, access_size(opcode)>(                            \
      run.probe(SKEP_AT(r[op->src]), access_size(opcode)))))
#define SKEP_STORE(form, opcode, operation, operand)                                      \
  op_##form: {                                                                            \
    constexpr unsigned size = access_size(opcode);                                        \
    const std::uint64_t address = SKEP_AT(r[op->dst]);                                    \
    if (SKEP_LIKELY(write_windows[op->dst].allows(address, size) &&                       \
                    (aligned_enough<Operation::operation, size>(address)))) {             \
      store<Operation::operation, size>(address, operand);                                \
      SKEP_NEXT();                                                                        \
    }                                                                                     \
    if constexpr (Operation::operation == Operation::store_release_) {                    \
      if (!run.atomic_allowed(*op, Access::write, op->dst, address, size)) goto ended;    \
      store<Operation::operation, size>(address, operand);                                \
    } else if (!run.store_slowly(*op, address, size, operand)) {                          \
      goto ended;                                                                         \
    }                                                                                     \
    SKEP_NEXT();                                                                          \
  }                                                                                       \
  op_##form##_free:                                                                       \
  store<Operation::operation, access_size(opcode)>(SKEP_AT(r[op->dst]), operand);         \
  SKEP_NEXT();
#define SKEP_CODE_store_imm(form, opcode, operation, off_, imm_) SKEP_STORE(form, opcode, operation, SKEP_IMM)
#define SKEP_CODE_store_src(form, opcode, operation, off_, imm_) SKEP_STORE(form, opcode, operation, r[op->src])
#define SKEP_CODE_atomic(form, opcode, operation, off_, imm_)                             \
  op_##form: {                                                                            \
    constexpr unsigned size = access_size(opcode);                                        \
    const std::uint64_t address = SKEP_AT(r[op->dst]);                                    \
    if (!SKEP_LIKELY(write_windows[op->dst].allows(address, size) && address % size == 0) && \
        !run.atomic_allowed(*op, Access::write, op->dst, address, size))                  \
      goto ended;                                                                         \
    atomic<Operation::operation, size>(address, *op, r);                                  \
    SKEP_NEXT();                                                                          \
  }                                                                                       \
  op_##form##_free:                                                                       \
  atomic<Operation::operation, access_size(opcode)>(SKEP_AT(r[op->dst]), *op, r);         \
  SKEP_NEXT();
#define SKEP_CODE_lddw(form, opcode, operation, off_, imm_)
#define SKEP_PACKET(form, opcode, offset)                                                 \
  op_##form:                                                                              \
  r[0] = run.load_packet(offset, access_size(opcode));                                    \
  SKEP_NEXT();
#define SKEP_CODE_packet_abs(form, opcode, operation, off_, imm_) SKEP_PACKET(form, opcode, SKEP_IMM)
#define SKEP_CODE_packet_ind(form, opcode, operation, off_, imm_) \
  SKEP_PACKET(form, opcode, SKEP_IMM + static_cast<std::uint32_t>(r[op->src]))

#define SKEP_LIKELY(x) __builtin_expect(static_cast<bool>(x), 1)
#define SKEP_DISPATCH()                                 \
  do {                                                  \
    if constexpr (kCounted) {                           \
      if (left == 0) goto out_of_budget;                \
      --left;                                           \
    }                                                   \
    goto* labels[static_cast<std::size_t>(op->code)];   \
  } while (false)
#define SKEP_NEXT() \
  do {              \
    ++op;           \
    SKEP_DISPATCH(); \
  } while (false)

template <bool kCounted>
std::uint64_t execute(Run& run, const Op* op, Registers& r, std::uint64_t last) {
  static const void* const labels[] = {
#define SKEP_INSN(form, opcode, mnemonic, operation, operands, ...) SKEP_LABEL_##operands(form),
#include "isa/insns.inc"
#define SKEP_VARIANT(form, variant) &&op_##form##_##variant,
#define SKEP_INSN(form, opcode, mnemonic, operation, operands, ...) SKEP_VARIANTS_##operands(SKEP_VARIANT, form)
#include "isa/insns.inc"
      &&op_constant, &&op_call_checked, &&op_call_free, &&op_call_lookup_checked, &&op_lookup_array,
      &&op_lookup_direct, &&op_call_direct, &&op_tail_call,
      &&op_tail_call_checked, &&op_trap,
  };
  const auto& read_windows = run.m_.windows[static_cast<unsigned>(Access::read)];
  const auto& write_windows = run.m_.windows[static_cast<unsigned>(Access::write)];
  [[maybe_unused]] std::uint64_t left = run.m_.budget;
  SKEP_DISPATCH();

#define SKEP_INSN(form, opcode, mnemonic, operation, operands, src, off, imm, ...) \
  SKEP_CODE_##operands(form, opcode, operation, off, imm)
#include "isa/insns.inc"

op_constant:
  SKEP_SET(SKEP_IMM)

op_call_checked:
  if (!run.check_arguments(*op, reinterpret_cast<const lower::Binding*>(op->imm)->row, r)) goto ended;
op_call_free:
  run.m_.budget = left;
  run.call_helper(*op, *reinterpret_cast<const lower::Binding*>(op->imm), r);
  left = run.m_.budget;
  if (run.m_.ended) goto ended;
  SKEP_NEXT();

op_call_lookup_checked: {
  const auto& binding = *reinterpret_cast<const lower::Binding*>(op->imm);
  if (!run.check_arguments(*op, binding.row, r)) goto ended;
  const std::uint64_t map = r[1];
  run.call_helper(*op, binding, r);
  if (run.m_.ended) goto ended;
  run.open_value(helpers::map_of(map), r);
  SKEP_NEXT();
}

op_lookup_array: {
  const auto& lookup = *reinterpret_cast<const lower::KnownCall*>(op->imm);
  const std::uint64_t index = guest_load<std::uint32_t>(r[2]);
  const std::uint64_t lane = lookup.wants_cpu ? run.cpu() * lookup.lane_bytes : 0;
  r[0] = index < lookup.count ? reinterpret_cast<std::uint64_t>(lookup.base) + lane + index * lookup.stride : 0;
  SKEP_NEXT();
}

op_lookup_direct:
op_call_direct: {
  const auto& call = *reinterpret_cast<const lower::KnownCall*>(op->imm);
  if (call.about_record)
    run.call_helper(*op, *call.binding, r);
  else
    r[0] = call.code(call.wants_cpu ? run.cpu() : 0, reinterpret_cast<std::uint64_t>(call.map), r[2], r[3], r[4]);
  if (run.m_.ended) goto ended;
  SKEP_NEXT();
}

op_tail_call_checked:
  if (!run.check_arguments(*op, reinterpret_cast<const lower::Binding*>(op->imm)->row, r)) goto ended;
op_tail_call:
  if (const lower::Image* target = run.tail_target(r)) {
    run.switch_to(*target);
    run.clear_frame(target->functions.front());
    const auto& saved = run.frames_[run.depth() - 1].saved;
    for (unsigned i = 0; i < saved.size(); ++i) r[6 + i] = saved[i];
    op = target->ops.data();
    SKEP_DISPATCH();
  }
  if (run.m_.ended) goto ended;
  SKEP_NEXT();

op_trap:
  run.fault(*op, FaultKind::unresolved);
  goto ended;

call_register:
  if (const lower::Function* callee = run.m_.current->function_at(r[op->dst])) {
    if (!run.push_frame(op + 1, r)) goto too_deep;
    run.clear_frame(*callee);
    op = run.m_.current->ops.data() + callee->op;
    SKEP_DISPATCH();
  }
  run.m_.budget = left;
  run.call_named_by_register(*op, r);
  left = run.m_.budget;
  if (run.m_.ended) goto ended;
  SKEP_NEXT();

call_function:
  if (!run.push_frame(op + 1, r)) goto too_deep;
  run.clear_frame(*reinterpret_cast<const lower::Function*>(op->imm));
  op += op->off;
  SKEP_DISPATCH();

leave_function: {
  op = run.pop_frame(r);
  if (op != nullptr) SKEP_DISPATCH();
  run.m_.budget = left;
  return r[0];
}

too_deep:
  run.fault(*op, FaultKind::call_depth);
  goto ended;
[[maybe_unused]] out_of_budget:
  run.m_.budget = 0;
  if (run.next_slice(*op)) {
    left = run.m_.budget;
    SKEP_DISPATCH();
  }
ended:
  run.m_.budget = left;
  return 0;

never:
  __builtin_trap();
}

template std::uint64_t execute<false>(Run& run, const Op* op, Registers& r, std::uint64_t last);
template std::uint64_t execute<true>(Run& run, const Op* op, Registers& r, std::uint64_t last);

}  // namespace skep::vm
