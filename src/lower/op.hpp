// Engine-ready operations: what instructions become once addresses, helpers and checks are settled.
//
// An Op is an instruction with everything that can be decided before the run decided: constants are whole, jump
// distances count ops, calls hold their target's address. A form of the instruction table stands for the plain op,
// whose memory access is checked; beside it stand variants for what lowering knows more of (see Variant). Codes are
// made from isa/insns.inc; the only ones written by hand are those that no instruction has.
#pragma once

#include <cstddef>
#include <cstdint>

namespace skep::lower {

// Which variants the forms of each operand kind have; V(form, variant) is expanded for each.
#define SKEP_VARIANTS_none(V, form)
#define SKEP_VARIANTS_dst(V, form) V(form, dst_ready)
#define SKEP_VARIANTS_dst_imm(V, form) V(form, dst_ready)
#define SKEP_VARIANTS_dst_src(V, form) V(form, dst_ready) V(form, src_ready)
#define SKEP_VARIANTS_dst_src_imm(V, form)
#define SKEP_VARIANTS_jump_off(V, form)
#define SKEP_VARIANTS_jump_imm(V, form)
#define SKEP_VARIANTS_compare_imm(V, form) V(form, dst_ready)
#define SKEP_VARIANTS_compare_src(V, form) V(form, dst_ready) V(form, src_ready)
#define SKEP_VARIANTS_call_imm(V, form)
#define SKEP_VARIANTS_call_pc(V, form)
#define SKEP_VARIANTS_load(V, form) \
  V(form, src_ready) V(form, free) V(form, free_src_ready) V(form, field) V(form, probe)
#define SKEP_VARIANTS_store_imm(V, form) V(form, free)
#define SKEP_VARIANTS_store_src(V, form) V(form, free)
#define SKEP_VARIANTS_atomic(V, form) V(form, free)
#define SKEP_VARIANTS_lddw(V, form)
#define SKEP_VARIANTS_packet_abs(V, form)
#define SKEP_VARIANTS_packet_ind(V, form)

/// What is known of an op beyond its instruction. `free`: the access needs no check. `field`: no check either, but what
/// it loads may be a field of a structured context, to be translated. `probe`: checked, and where the check fails the
/// load yields 0, as Linux' loads through pointers to kernel objects do. `dst_ready`, `src_ready`: that register is the
/// one which the op before wrote, and no jump leads in between, so that the interpreter has it at hand: it looks for
/// them itself (vm/ready.hpp), lowering makes none.
enum class Variant : std::uint8_t { dst_ready, src_ready, free, free_src_ready, field, probe };
inline constexpr std::size_t kVariantCount = 6;

/// The first kFormCount codes are the forms, in the table's order; their variants follow.
enum class Code : std::uint16_t {
#define SKEP_INSN(form, ...) form,
#include "isa/insns.inc"
#define SKEP_VARIANT(form, variant) form##_##variant,
#define SKEP_INSN(form, opcode, mnemonic, operation, operands, ...) SKEP_VARIANTS_##operands(SKEP_VARIANT, form)
#include "isa/insns.inc"
#undef SKEP_VARIANT
  constant,             ///< dst = imm, 64 bits: every lddw ends here
  call_checked,         ///< helper; imm = address of its Binding; arguments checked against the row
  call_free,            ///< the same without checks
  call_lookup_checked,  ///< call_checked of a helper of ours whose r0 points to a value of the map in r1, or is null
  lookup_array,   ///< map_lookup_elem in an array, or a per-CPU array; imm = address of its KnownCall; reads r2 alone
  lookup_direct,  ///< map_lookup_elem in a map that does it directly; imm = address of its KnownCall; reads r2 alone
  call_direct,    ///< another helper in a map that does it directly; imm = address of its KnownCall
  tail_call,      ///< r2 = map, r3 = index
  tail_call_checked,  ///< the same; r2 is checked to be a program array; imm = address of the Binding
  trap,               ///< an instruction that relocation poisoned: ends the run with a fault
};

/// What a load past the packet's end (packet_abs, packet_ind) leaves in r0; no other one is wider than 32 bits.
inline constexpr std::uint64_t kPastPacket = ~std::uint64_t{0};

struct Op {
  Code code = Code::exit;
  std::uint8_t dst = 0;
  std::uint8_t src = 0;
  std::int32_t off = 0;  ///< bytes for memory; distance in ops from this op for jumps and calls to functions
  /// Of a call to a function: the address of its Function. Of a proven division by a register: 1 if that is never 0.
  std::int64_t imm = 0;
};
static_assert(sizeof(Op) == 16);

}  // namespace skep::lower
