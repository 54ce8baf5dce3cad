// From slots to forms. Every row of the table becomes one or two (mask, value) pairs over the 64 bits of a slot,
// grouped by opcode, so that decoding is a short scan of compares; the reason of a refusal comes from the same pairs.
//
// Invariant: at most one pair matches a slot (isa_decode_test enumerates it).
#include <array>
#include <bit>
#include <string>

#include <fmt/format.h>

#include "isa/table.hpp"

namespace skep::isa {
namespace {

static_assert(std::endian::native == std::endian::little, "slots are read as little-endian words");

struct Field {
  std::string_view name;
  unsigned shift;
  std::uint64_t mask;
};
constexpr std::uint64_t kOpcodeMask = 0xff;
constexpr std::array<Field, 4> kFields{{
    {"dst", 8, 0xf00},
    {"src", 12, 0xf000},
    {"off", 16, 0xffff0000},
    {"imm", 32, 0xffffffff00000000},
}};

struct Match {
  std::uint64_t mask = 0;
  std::uint64_t value = 0;
  Form form{};
};

constexpr Match match_of(Form form, std::uint64_t opcode, bool has_dst, std::int64_t src, std::int64_t off,
                         std::int64_t imm) {
  Match match{kOpcodeMask, opcode, form};
  const std::array<std::int64_t, 4> needed{has_dst ? kAny : 0, src, off, imm};
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    if (needed[i] == kAny) continue;
    match.mask |= kFields[i].mask;
    match.value |= (static_cast<std::uint64_t>(needed[i]) << kFields[i].shift) & kFields[i].mask;
  }
  return match;
}

/// Linux defines two casts: from address space 1 to 0 and back.
constexpr std::array<std::int64_t, 2> kAddressSpaceCasts{1, 1 << 16};
constexpr std::size_t kMatchCount = kFormCount + kAddressSpaceCasts.size() - 1;

struct Index {
  std::array<std::uint16_t, 257> first{};  // by opcode, into matches
  std::array<Match, kMatchCount> matches{};
};

constexpr Index make_index() {
  using namespace regs;
  constexpr std::int64_t any = kAny;
  std::array<Match, kMatchCount> all{};
  std::size_t count = 0;
  const auto add = [&](FormInfo row) {
    if (row.operands != Operands::dst_src_imm) {
      all[count++] = match_of(row.form, row.opcode, row.has_dst(), row.src, row.off, row.imm);
      return;
    }
    for (std::int64_t imm : kAddressSpaceCasts) {
      all[count++] = match_of(row.form, row.opcode, row.has_dst(), row.src, row.off, imm);
    }
  };
#define SKEP_INSN(form, opcode, mnemonic, operation, operands, src, off, imm, group, reads, writes)                  \
  add({Form::form, opcode, mnemonic, Operation::operation, Operands::operands, src, off, imm, Group::group, (reads), \
       (writes)});
#include "isa/insns.inc"
  Index index;
  std::uint16_t next = 0;
  for (std::size_t opcode = 0; opcode < 256; ++opcode) {
    index.first[opcode] = next;
    for (const Match& match : all) {
      if ((match.value & kOpcodeMask) == opcode) index.matches[next++] = match;
    }
  }
  index.first[256] = next;
  return index;
}

constexpr Index kIndex = make_index();
static_assert(kIndex.first[256] == kMatchCount);

std::span<const Match> matches_of(std::uint8_t opcode) noexcept {
  return std::span(kIndex.matches).subspan(kIndex.first[opcode], kIndex.first[opcode + 1u] - kIndex.first[opcode]);
}

/// The value of a field as a person reads it: registers and pseudo sources unsigned, off and imm signed.
std::int64_t field_of(std::uint64_t word, std::size_t field) {
  const auto raw = (word & kFields[field].mask) >> kFields[field].shift;
  if (field == 2) return static_cast<std::int16_t>(raw);
  if (field == 3) return static_cast<std::int32_t>(raw);
  return static_cast<std::int64_t>(raw);
}

/// Bit i: field i is not what `match` needs.
unsigned wrong_fields(const Match& match, std::uint64_t word) {
  unsigned wrong = 0;
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    const bool is_register = i < 2 && (match.mask & kFields[i].mask) == 0;
    const bool bad = is_register ? field_of(word, i) >= static_cast<std::int64_t>(kRegisters)
                                 : ((word ^ match.value) & match.mask & kFields[i].mask) != 0;
    if (bad) wrong |= 1u << i;
  }
  return wrong;
}

/// Says what keeps `insn` from being the form it is nearest to.
std::string why_nothing(const Insn& insn) {
  const auto candidates = matches_of(insn.opcode);
  if (candidates.empty()) return fmt::format("opcode {:#04x} is not assigned", insn.opcode);
  const auto word = std::bit_cast<std::uint64_t>(insn);
  const Match* nearest = &candidates.front();
  for (const Match& match : candidates) {
    if (std::popcount(wrong_fields(match, word)) < std::popcount(wrong_fields(*nearest, word))) nearest = &match;
  }
  const unsigned wrong = wrong_fields(*nearest, word);
  const auto field = static_cast<std::size_t>(std::countr_zero(wrong));
  const std::int64_t seen = field_of(word, field);
  if ((nearest->mask & kFields[field].mask) == 0) {
    return fmt::format("{}: {} is r{}, must be r0 to r{}", name(nearest->form), kFields[field].name, seen,
                       kRegisters - 1);
  }
  std::string needed;
  for (const Match& match : candidates) {
    if (wrong_fields(match, word) != wrong) continue;
    needed += fmt::format("{}{}", needed.empty() ? "" : " or ", field_of(match.value, field));
  }
  return fmt::format("{}: {} is {}, must be {}", name(nearest->form), kFields[field].name, seen, needed);
}

/// True when the upper half of an lddw means something.
bool uses_upper_half(Operation operation) {
  return operation != Operation::lddw_map_ && operation != Operation::lddw_map_idx_ &&
         operation != Operation::lddw_func_;
}

/// What is wrong with the second slot of the lddw at `pc`; empty when nothing is.
std::string wrong_second_slot(std::span<const Insn> insns, std::size_t pc, const FormInfo& row) {
  if (pc + 1 == insns.size()) return fmt::format("{}: the program ends before its second slot", name(row.form));
  const Insn& second = insns[pc + 1];
  if (second != Insn(0, 0, 0, 0, second.imm)) {
    return fmt::format("{}: second slot has opcode {:#04x}, dst {}, src {}, off {}, all must be 0", name(row.form),
                       second.opcode, second.dst, second.src, second.off);
  }
  if (second.imm != 0 && !uses_upper_half(row.operation)) {
    return fmt::format("{}: second slot has imm {}, must be 0", name(row.form), second.imm);
  }
  return {};
}

/// What is wrong with the place that the instruction at `pc` names; empty when nothing is.
std::string wrong_target(std::span<const Insn> insns, std::uint32_t pc, const FormInfo& row) {
  const std::int64_t target = jump_target(insns[pc], row, pc);
  if (target < 0 || target >= static_cast<std::int64_t>(insns.size())) {
    return fmt::format("{}: target is insn {}, the program has insns 0 to {}", name(row.form), target,
                       insns.size() - 1);
  }
  // No instruction starts with opcode 0: such a slot belongs to an lddw, or is refused when its turn comes.
  if (insns[static_cast<std::size_t>(target)].opcode == 0) {
    return fmt::format("{}: target insn {} is the second slot of an lddw, must be the first slot of an instruction",
                       name(row.form), target);
  }
  return {};
}

}  // namespace

unsigned find_form(const Insn& insn) noexcept {
  if (insn.dst >= kRegisters || insn.src >= kRegisters) return kFormCount;
  const auto word = std::bit_cast<std::uint64_t>(insn);
  for (const Match& match : matches_of(insn.opcode)) {
    if ((word & match.mask) == match.value) return static_cast<unsigned>(match.form);
  }
  return kFormCount;
}

Result<Form> decode(const Insn& insn) {
  const unsigned form = find_form(insn);
  if (form == kFormCount) return fail(ErrorCode::malformed, "", why_nothing(insn));
  return static_cast<Form>(form);
}

std::int64_t jump_target(const Insn& insn, const FormInfo& row, std::uint32_t pc) noexcept {
  const std::int64_t next = std::int64_t{pc} + 1;
  if (!row.has_target()) return next;
  const bool in_imm = row.operands == Operands::jump_imm || row.operands == Operands::call_pc || row.wide();
  return next + (in_imm ? insn.imm : insn.off);
}

Result<void> check(std::span<const Insn> insns) {
  if (insns.empty()) return fail(ErrorCode::malformed, "program", "has no instructions, must have at least one");
  const auto refuse = [](std::uint32_t pc, std::string what) {
    return fail(ErrorCode::malformed, fmt::format("insn {}", pc), std::move(what));
  };
  const FormInfo* last = nullptr;
  std::uint32_t last_pc = 0;
  for (std::uint32_t pc = 0; pc < insns.size(); pc += last->wide() ? 2 : 1) {
    const auto form = decode(insns[pc]);
    if (!form) return refuse(pc, form.error().what);
    last = &info(*form);
    last_pc = pc;
    std::string wrong;
    if (last->wide()) wrong = wrong_second_slot(insns, pc, *last);
    if (wrong.empty() && last->has_target()) wrong = wrong_target(insns, pc, *last);
    if (!wrong.empty()) return refuse(pc, std::move(wrong));
  }
  if (last->operation != Operation::exit_ && last->operation != Operation::ja_) {
    return refuse(last_pc, fmt::format("the program ends in {}, must end in exit or a jump", name(last->form)));
  }
  return {};
}

}  // namespace skep::isa
