// A table by form, made from the instruction table and the engines' arithmetic.
#include "lower/evaluate.hpp"

#include <array>

#include "vm/alu.hpp"

namespace skep::lower {
namespace {

using isa::Operation;

[[maybe_unused]] constexpr int any = -1;  // the table's word for a free field

template <Operation kOp, unsigned kWidth, int kImm>
std::uint64_t unary(std::uint64_t dst, std::uint64_t) noexcept {
  if constexpr (kOp == Operation::neg_)
    return vm::negate<kWidth>(dst);
  else
    return vm::byte_order<kOp, static_cast<unsigned>(kImm)>(dst);
}

template <Operation kOp, unsigned kWidth, int kOff>
std::uint64_t binary(std::uint64_t dst, std::uint64_t src) noexcept {
  if constexpr (kOp == Operation::movsx_)
    return vm::sign_extend<static_cast<unsigned>(kOff), kWidth>(src);
  else
    return vm::alu<kOp, kWidth>(dst, src);
}

template <Operation kOp, unsigned kWidth>
std::uint64_t comparison(std::uint64_t dst, std::uint64_t src) noexcept {
  return vm::jump_taken<kOp, kWidth>(dst, src) ? 1 : 0;
}

#define SKEP_NOTHING(...) nullptr
#define SKEP_UNARY(operation, opcode, off, imm) unary<Operation::operation, vm::class_width(opcode), imm>
#define SKEP_BINARY(operation, opcode, off, imm) binary<Operation::operation, vm::class_width(opcode), off>
#define SKEP_COMPARISON(operation, opcode, off, imm) comparison<Operation::operation, vm::class_width(opcode)>

// callx is the one form with one register that computes nothing.
#define SKEP_EVALUATE_dst(operation, opcode, off, imm) SKEP_EVALUATE_dst_##operation(operation, opcode, off, imm)
#define SKEP_EVALUATE_dst_neg_ SKEP_UNARY
#define SKEP_EVALUATE_dst_le_ SKEP_UNARY
#define SKEP_EVALUATE_dst_be_ SKEP_UNARY
#define SKEP_EVALUATE_dst_bswap_ SKEP_UNARY
#define SKEP_EVALUATE_dst_call_ SKEP_NOTHING
#define SKEP_EVALUATE_dst_imm SKEP_BINARY
#define SKEP_EVALUATE_dst_src SKEP_BINARY
#define SKEP_EVALUATE_compare_imm SKEP_COMPARISON
#define SKEP_EVALUATE_compare_src SKEP_COMPARISON
#define SKEP_EVALUATE_none SKEP_NOTHING
#define SKEP_EVALUATE_dst_src_imm SKEP_NOTHING
#define SKEP_EVALUATE_jump_off SKEP_NOTHING
#define SKEP_EVALUATE_jump_imm SKEP_NOTHING
#define SKEP_EVALUATE_call_imm SKEP_NOTHING
#define SKEP_EVALUATE_call_pc SKEP_NOTHING
#define SKEP_EVALUATE_load SKEP_NOTHING
#define SKEP_EVALUATE_store_imm SKEP_NOTHING
#define SKEP_EVALUATE_store_src SKEP_NOTHING
#define SKEP_EVALUATE_atomic SKEP_NOTHING
#define SKEP_EVALUATE_lddw SKEP_NOTHING
#define SKEP_EVALUATE_packet_abs SKEP_NOTHING
#define SKEP_EVALUATE_packet_ind SKEP_NOTHING

constexpr std::array<Evaluator, isa::kFormCount> kEvaluators{
#define SKEP_INSN(form, opcode, mnemonic, operation, operands, src, off, imm, ...) \
  SKEP_EVALUATE_##operands(operation, opcode, off, imm),
#include "isa/insns.inc"
#undef SKEP_INSN
};

}  // namespace

Evaluator evaluator(isa::Form form) noexcept { return kEvaluators[static_cast<std::size_t>(form)]; }

}  // namespace skep::lower
