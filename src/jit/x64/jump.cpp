// Jumps, comparisons with their branch, and a branch around one move as a conditional move.
//
// A jump back is as short as it can be, its distance is known. Of a jump forward the distance is estimated from above.
#include "jit/x64/emitter.hpp"

namespace skep::jit::x64 {

using isa::Operation;

namespace {

x86::CondCode condition(Operation operation) noexcept {
  switch (operation) {
    case Operation::jeq_:
      return x86::CondCode::kEqual;
    case Operation::jgt_:
      return x86::CondCode::kUnsignedGT;
    case Operation::jge_:
      return x86::CondCode::kUnsignedGE;
    case Operation::jlt_:
      return x86::CondCode::kUnsignedLT;
    case Operation::jle_:
      return x86::CondCode::kUnsignedLE;
    case Operation::jsgt_:
      return x86::CondCode::kSignedGT;
    case Operation::jsge_:
      return x86::CondCode::kSignedGE;
    case Operation::jslt_:
      return x86::CondCode::kSignedLT;
    case Operation::jsle_:
      return x86::CondCode::kSignedLE;
    default:  // jne, and jset after a test
      return x86::CondCode::kNotEqual;
  }
}

constexpr std::uint8_t kFar = 128;  // more than a short jump reaches

/// No op of this kind takes more bytes.
constexpr std::uint8_t bytes_at_most(lower::Code code) noexcept {
  const lower::Shape& shape = lower::shape_of(code);
  using isa::Operands;
  switch (shape.operands) {
    case Operands::none:
      return code == lower::Code::constant ? 10 : kFar;
    case Operands::dst:
      return shape.operation == Operation::call_ ? kFar : 8;
    case Operands::dst_imm:
    case Operands::dst_src:
      switch (shape.operation) {
        case Operation::div_:
        case Operation::mod_:
        case Operation::sdiv_:
        case Operation::smod_:
          return kFar;
        default:
          return 16;  // a shift by a register without BMI2 is the longest
      }
    case Operands::load:
    case Operands::store_imm:
    case Operands::store_src:
      return shape.check == lower::Check::free ? 13 : kFar;
    case Operands::jump_off:
      return shape.operation == Operation::may_goto_ ? kFar : 5;
    case Operands::jump_imm:
      return 5;
    case Operands::compare_imm:
    case Operands::compare_src:
      return 13;
    case Operands::atomic:
    case Operands::dst_src_imm:
    case Operands::call_imm:
    case Operands::call_pc:
    case Operands::lddw:
    case Operands::packet_abs:
    case Operands::packet_ind:
      return kFar;
  }
  return kFar;
}

constexpr MostBytes kMostBytes = [] {
  MostBytes bytes{};
  for (std::size_t code = 0; code < bytes.size(); ++code) bytes[code] = bytes_at_most(static_cast<lower::Code>(code));
  return bytes;
}();

}  // namespace

const MostBytes& X64Emitter::most_bytes() const { return kMostBytes; }

bool X64Emitter::is_near(const At& at) const {
  constexpr unsigned kBlock = 15;  // what metering costs, with a far jump
  const unsigned a_block = plan_.options.metered ? kBlock : 0;
  const std::uint32_t target = at.index + static_cast<std::uint32_t>(at.op.off);
  if (at.op.off <= 0 || target >= function().end || plan_.options.polls) return false;
  unsigned bytes = 0;
  for (std::uint32_t i = at.index + 1; i < target; ++i) {
    if (plan_.ops[i].is_loop_head || plan_.options.blind) return false;  // takes bytes that are not counted here
    bytes += kMostBytes[static_cast<std::size_t>(image().ops[i].code)] + (plan_.ops[i].starts_block ? a_block : 0);
    if (bytes >= kFar) return false;
  }
  return !plan_.ops[target].is_loop_head;
}

void X64Emitter::jump_to(const Branch& branch) {
  if (branch.near && !plan_.options.long_jumps) a_.short_();
  a_.jmp(branch.target);
}

void X64Emitter::may_goto(const At&, const asmjit::Label& target) {
  a_.cmp(SKEP_MACHINE(may_goto_left), 0);
  a_.je(target);
  a_.dec(SKEP_MACHINE(may_goto_left));
}

/// Sets the flags that condition() asks for.
void X64Emitter::compare(const At& at) {
  const x86::Gp dst = sized(reg(at.op.dst), at.shape.width);
  const bool by_constant = at.shape.operands == isa::Operands::compare_imm;
  const auto imm = static_cast<std::int32_t>(at.op.imm);
  const x86::Gp src = sized(reg(at.op.src), at.shape.width);
  if (at.shape.operation == Operation::jset_) {
    // Of 64 bits, a constant that is not negative leaves the upper half alone.
    if (by_constant)
      a_.test(imm >= 0 ? dst.r32() : dst, imm);
    else
      a_.test(dst, src);
  } else if (!by_constant) {
    a_.cmp(dst, src);
  } else if (imm == 0) {
    a_.test(dst, dst);
  } else {
    a_.cmp(dst, imm);
  }
}

void X64Emitter::branch(const At& at, const Branch& branch) {
  compare(at);
  const x86::CondCode taken = condition(at.shape.operation);
  if (branch.near && !plan_.options.long_jumps) a_.short_();
  a_.j(branch.unless ? x86::negateCond(taken) : taken, branch.target);
}

/// `if (condition) skip one move` is what compilers make of a choice, for want of an instruction: here is one.
std::uint32_t X64Emitter::fuse_select(std::uint32_t index, std::uint32_t end) {
  if (plan_.options.metered || plan_.options.polls || index + 2 >= end) return 0;
  const At here = at(index);
  const bool compares =
      here.shape.operands == isa::Operands::compare_imm || here.shape.operands == isa::Operands::compare_src;
  if (!compares || here.op.off != 2 || plan_.ops[index + 1].is_target) return 0;
  const At move = at(index + 1);
  if (move.shape.operation != Operation::mov_) return 0;
  if (move.shape.operands == isa::Operands::dst_src && move.op.dst == move.op.src) return 0;
  select(here, move);
  return 2;
}

void X64Emitter::select(const At& compared, const At& move) {
  const x86::Gp dst = reg(move.op.dst);
  const x86::CondCode unless = x86::negateCond(condition(compared.shape.operation));
  x86::Gp src = reg(move.op.src);
  if (move.shape.operands == isa::Operands::dst_imm) {
    const auto imm = static_cast<std::int32_t>(move.op.imm);
    if (move.shape.width == 64 && imm < 0)
      a_.mov(kTemp, imm);
    else
      move_constant(kTemp, static_cast<std::uint32_t>(imm));
    src = kTemp;
  } else if (move.shape.width == 32) {
    a_.mov(kTemp.r32(), src.r32());
    src = kTemp;
  }
  compare(compared);
  a_.cmov(unless, dst, src);
}

}  // namespace skep::jit::x64
