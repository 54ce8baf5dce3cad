// Engine-ready operations: what instructions become once addresses, helpers and checks are settled.
//
// An Op is an instruction with everything that can be decided before the run decided: constants are whole, jump
// distances count ops, calls hold their target's address. Whether an access is checked is part of the op, not of the
// engine: a memory form of the instruction table stands for the checked access, its `_free` twin for one that needs no
// check. Codes are made from isa/insns.inc; the only ones written by hand are those that no instruction has.
#pragma once

#include <cstdint>

namespace skep::lower {

// Which forms have a `_free` twin: those with memory operands. FREE(form) is expanded for them, nothing for others.
#define SKEP_IF_MEMORY_none(FREE, form)
#define SKEP_IF_MEMORY_dst(FREE, form)
#define SKEP_IF_MEMORY_dst_imm(FREE, form)
#define SKEP_IF_MEMORY_dst_src(FREE, form)
#define SKEP_IF_MEMORY_dst_src_imm(FREE, form)
#define SKEP_IF_MEMORY_jump_off(FREE, form)
#define SKEP_IF_MEMORY_jump_imm(FREE, form)
#define SKEP_IF_MEMORY_compare_imm(FREE, form)
#define SKEP_IF_MEMORY_compare_src(FREE, form)
#define SKEP_IF_MEMORY_call_imm(FREE, form)
#define SKEP_IF_MEMORY_call_pc(FREE, form)
#define SKEP_IF_MEMORY_load(FREE, form) FREE(form)
#define SKEP_IF_MEMORY_store_imm(FREE, form) FREE(form)
#define SKEP_IF_MEMORY_store_src(FREE, form) FREE(form)
#define SKEP_IF_MEMORY_atomic(FREE, form) FREE(form)
#define SKEP_IF_MEMORY_lddw(FREE, form)
#define SKEP_IF_MEMORY_packet_abs(FREE, form)
#define SKEP_IF_MEMORY_packet_ind(FREE, form)

/// The first kFormCount codes are the forms, in the table's order.
enum class Code : std::uint16_t {
#define SKEP_INSN(form, ...) form,
#include "isa/insns.inc"
#define SKEP_FREE(form) form##_free,
#define SKEP_INSN(form, opcode, mnemonic, operation, operands, ...) SKEP_IF_MEMORY_##operands(SKEP_FREE, form)
#include "isa/insns.inc"
#undef SKEP_FREE
  constant,           ///< dst = imm, 64 bits: every lddw ends here
  call_checked,       ///< helper; imm = address of its Binding; arguments checked against the row
  call_free,          ///< the same without checks
  tail_call,          ///< r2 = map, r3 = index
  tail_call_checked,  ///< the same; r2 is checked to be a program array
};

struct Op {
  Code code = Code::exit;
  std::uint8_t dst = 0;
  std::uint8_t src = 0;
  std::int32_t off = 0;  ///< bytes for memory; distance in ops from this op for jumps and calls to functions
  std::int64_t imm = 0;
};
static_assert(sizeof(Op) == 16);

}  // namespace skep::lower
