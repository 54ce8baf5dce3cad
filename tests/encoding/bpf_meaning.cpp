// One row of the instruction table at a time.
#include "encoding/bpf_meaning.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "isa/table.hpp"

namespace skep::encoding {
namespace {

using isa::Operands;
using isa::Operation;

struct Open {
  Path path;
  std::uint32_t pc;
  bool skips = false;  ///< `pc` is where it goes on, not what was run
};

using Wide = unsigned __int128;

struct Reciprocal {
  Wide multiplier;
  unsigned shift;
  bool is_long;  ///< it has one bit more than the dividend
};

/// The least multiplier of `bits` bits that is exact for all dividends of so many, or of one more where there is none:
/// n * m >> (bits + shift) is n / d when m * d is above 2^(bits + shift) by no more than 2^shift, and by less where n
/// may be 2^bits itself: the magnitude of the least number.
std::optional<Reciprocal> reciprocal(std::uint64_t d, unsigned bits, bool is_signed) {
  const auto log = static_cast<unsigned>(std::bit_width(d)) - 1;
  for (const bool is_long : {false, true}) {
    const unsigned shift = is_long ? log + 1 : log;
    // Modulo 2^128, which is as good: all that is compared is less. No power is a multiple of d.
    const Wide power = Wide{1} << (bits + shift - 1) << 1;
    const Wide multiplier = (power - 1) / d + 1;
    const Wide most = (Wide{1} << shift) - (is_signed ? 1 : 0);
    if (multiplier * d - power > most || multiplier >> bits != (is_long ? 1 : 0)) continue;
    return Reciprocal{multiplier, shift, is_long};
  }
  return std::nullopt;
}

class Meaning {
 public:
  Meaning(Terms& terms, Processor processor, Way way) : t_(terms), processor_(processor), way_(way) {}

  /// False when nothing is known of it. What forks adds to `open`.
  bool run(const Insn& insn, const isa::FormInfo& row, Open& now, std::vector<Open>& open);

 private:
  [[nodiscard]] Term number(const Insn& insn) {
    return t_.constant(static_cast<std::uint64_t>(std::int64_t{insn.imm}));
  }
  bool arithmetic(const Insn& insn, const isa::FormInfo& row, Open& now, std::vector<Open>& open);
  bool divide(const isa::FormInfo& row, Term a, Term b, unsigned dst, Open& now, std::vector<Open>& open);
  bool divide_plainly(const isa::FormInfo& row, Term a, Term b, unsigned dst, Open& now, std::vector<Open>& open);
  [[nodiscard]] std::optional<Term> product(unsigned width, Term a, std::uint64_t by);
  [[nodiscard]] std::optional<Term> signed_product(unsigned width, Term a, std::int64_t by);
  [[nodiscard]] Term signed_power(unsigned width, Term a, std::int64_t by, bool is_modulo);
  [[nodiscard]] std::optional<Term> divide_by(unsigned width, Term a, std::uint64_t by, bool is_signed, bool is_modulo);
  [[nodiscard]] Term shifted(std::string_view how, unsigned width, Term what, unsigned count) {
    return t_.shift(how, width, what, t_.constant(count));
  }
  bool unary(const Insn& insn, const isa::FormInfo& row, Path& path);
  bool access(const Insn& insn, const isa::FormInfo& row, Path& path);
  bool atomic(const Insn& insn, const isa::FormInfo& row, Path& path);
  bool atomic_exclusive(const Insn& insn, const isa::FormInfo& row, Open& now, std::vector<Open>& open);
  void branch(const Insn& insn, const isa::FormInfo& row, Open& now, std::vector<Open>& open);
  /// One path more, where the condition holds; it goes on at `pc`.
  void fork(Open& now, std::vector<Open>& open, const Condition& condition, std::uint32_t pc,
            const std::function<void(Path&)>& taken);

  Terms& t_;
  Processor processor_;
  Way way_;
};

void Meaning::fork(Open& now, std::vector<Open>& open, const Condition& condition, std::uint32_t pc,
                   const std::function<void(Path&)>& taken) {
  const auto holds = decided(t_, condition);
  if (holds && !*holds) return;
  Open other{now.path, pc};
  if (holds) {
    taken(other.path);
    now = std::move(other);
    now.skips = true;
    return;
  }
  other.path.conditions.push_back(condition);
  taken(other.path);
  open.push_back(std::move(other));
  now.path.conditions.push_back(condition);
  now.path.conditions.back().holds = !condition.holds;
}

std::optional<Term> Meaning::product(unsigned width, Term a, std::uint64_t by) {
  const auto inverse = reciprocal(by, width, false);
  if (!inverse) return std::nullopt;
  const Term factor = t_.cut(width, t_.constant(static_cast<std::uint64_t>(inverse->multiplier)));
  const bool is_long = inverse->is_long;
  if (width == 64 && !is_long) return shifted("rsh", 64, t_.mul_high(false, a, factor), inverse->shift);
  if (!is_long) return shifted("rsh", 64, t_.mul(64, a, factor), 32 + inverse->shift);
  const Term high = width == 64 ? t_.mul_high(false, a, factor) : shifted("rsh", 64, t_.mul(64, a, factor), 32);
  const Term half = shifted("rsh", width, t_.sub(width, a, high), 1);
  return shifted("rsh", width, t_.add(width, high, half), inverse->shift - 1);
}

/// Of numbers that are one bit narrower; what is negative is shifted too far down by one.
std::optional<Term> Meaning::signed_product(unsigned width, Term a, std::int64_t by) {
  const auto sign = static_cast<std::uint64_t>(by < 0 ? -1 : 1);
  const auto inverse = reciprocal(sign * static_cast<std::uint64_t>(by), width - 1, true);
  if (!inverse) return std::nullopt;
  const Term factor = t_.constant(sign * static_cast<std::uint64_t>(inverse->multiplier));
  Term down;
  if (width == 32) {
    down = shifted("arsh", 64, t_.mul(64, t_.sign_extend(32, 64, a), factor), 31 + inverse->shift);
  } else {
    Term high = t_.mul_high(true, a, factor);
    if (inverse->is_long) high = t_.add(64, high, t_.scale(64, a, sign));
    down = shifted("arsh", 64, high, inverse->shift - 1);
  }
  return t_.add(width, down, shifted("rsh", width, down, width - 1));
}

/// What is negative is rounded up before it is shifted down.
Term Meaning::signed_power(unsigned width, Term a, std::int64_t by, bool is_modulo) {
  const auto count = static_cast<unsigned>(std::countr_zero(static_cast<std::uint64_t>(by)));
  const Term signs = count == 1 ? a : shifted("arsh", width, a, width - 1);
  const Term sum = t_.add(width, a, shifted("rsh", width, signs, width - count));
  if (is_modulo) return t_.sub(width, a, t_.logic('&', width, sum, t_.constant(~std::uint64_t{0} << count)));
  const Term quotient = shifted("arsh", width, sum, count);
  return by < 0 ? t_.sub(width, t_.constant(0), quotient) : quotient;
}

std::optional<Term> Meaning::divide_by(unsigned width, Term a, std::uint64_t by, bool is_signed, bool is_modulo) {
  const auto number = width == 64 ? static_cast<std::int64_t>(by) : static_cast<std::int32_t>(by);
  const bool is_power = std::has_single_bit(is_signed && number < 0 ? 0 - static_cast<std::uint64_t>(number) : by);
  const bool is_little = by <= 1 || (is_signed && number == -1);
  if (is_little || (is_power && !is_signed))
    return is_modulo ? t_.remainder(is_signed, width, a, t_.constant(by))
                     : t_.divide(is_signed, width, a, t_.constant(by));
  if (is_power) return signed_power(width, a, number, is_modulo);
  const auto quotient = is_signed ? signed_product(width, a, number) : product(width, a, by);
  if (!quotient) return std::nullopt;
  return is_modulo ? t_.sub(width, a, t_.scale(width, *quotient, by)) : t_.cut(width, *quotient);
}

bool Meaning::divide(const isa::FormInfo& row, Term a, Term b, unsigned dst, Open& now, std::vector<Open>& open) {
  const unsigned width = row.width();
  a = t_.cut(width, a);
  b = t_.cut(width, b);
  const auto known = t_.value(b);
  if (way_ != Way::reciprocal || !known) return divide_plainly(row, a, b, dst, now, open);
  const bool is_signed = row.operation == Operation::sdiv_ || row.operation == Operation::smod_;
  const bool is_modulo = row.operation == Operation::mod_ || row.operation == Operation::smod_;
  const auto result = divide_by(width, a, *known, is_signed, is_modulo);
  if (result) now.path.regs[dst] = *result;
  return result.has_value();
}

bool Meaning::divide_plainly(const isa::FormInfo& row, Term a, Term b, unsigned dst, Open& now,
                             std::vector<Open>& open) {
  const unsigned width = row.width();
  const bool is_signed = row.operation == Operation::sdiv_ || row.operation == Operation::smod_;
  const bool is_modulo = row.operation == Operation::mod_ || row.operation == Operation::smod_;
  const auto known = t_.value(b);
  const Term zero = t_.constant(0);
  const Term minus_one = t_.cut(width, t_.constant(~std::uint64_t{0}));
  Term& result = now.path.regs[dst];
  if (processor_ == Processor::a64) {
    const Term quotient = t_.divide(is_signed, width, a, b);
    result = is_modulo ? t_.sub(width, a, t_.mul(width, quotient, b)) : quotient;
    return true;
  }
  if (!known) {
    const std::uint32_t next = now.pc + 1;
    fork(now, open, make_condition(t_, "eq", width, b, zero), next,
         [&](Path& path) { path.regs[dst] = is_modulo ? a : zero; });
    if (is_signed)
      fork(now, open, make_condition(t_, "eq", width, b, minus_one), next,
           [&](Path& path) { path.regs[dst] = is_modulo ? zero : t_.sub(width, zero, a); });
  }
  now.path.regs[dst] = is_modulo ? t_.remainder(is_signed, width, a, b) : t_.divide(is_signed, width, a, b);
  return true;
}

bool Meaning::arithmetic(const Insn& insn, const isa::FormInfo& row, Open& now, std::vector<Open>& open) {
  const unsigned width = row.width();
  Term& dst = now.path.regs[insn.dst];
  const Term a = dst;
  const Term b = row.operands == Operands::dst_imm ? number(insn) : now.path.regs[insn.src];
  switch (row.operation) {
    case Operation::add_:
      dst = t_.add(width, a, b);
      return true;
    case Operation::sub_:
      dst = t_.sub(width, a, b);
      return true;
    case Operation::mul_:
      dst = t_.mul(width, a, b);
      return true;
    case Operation::or_:
      dst = t_.logic('|', width, a, b);
      return true;
    case Operation::and_:
      dst = t_.logic('&', width, a, b);
      return true;
    case Operation::xor_:
      dst = t_.logic('^', width, a, b);
      return true;
    case Operation::lsh_:
      dst = t_.shift("lsh", width, a, b);
      return true;
    case Operation::rsh_:
      dst = t_.shift("rsh", width, a, b);
      return true;
    case Operation::arsh_:
      dst = t_.shift("arsh", width, a, b);
      return true;
    case Operation::mov_:
      dst = t_.cut(width, b);
      return true;
    case Operation::movsx_:
      dst = t_.sign_extend(static_cast<unsigned>(insn.off), width, b);
      return true;
    case Operation::div_:
    case Operation::mod_:
    case Operation::sdiv_:
    case Operation::smod_:
      return divide(row, a, b, insn.dst, now, open);
    default:  // of these operand kinds the table has no others
      return false;
  }
}

bool Meaning::unary(const Insn& insn, const isa::FormInfo& row, Path& path) {
  Term& dst = path.regs[insn.dst];
  const auto bits = static_cast<unsigned>(insn.imm);
  if (row.operation == Operation::neg_) {
    dst = t_.sub(row.width(), t_.constant(0), dst);
    return true;
  }
  if (row.operation == Operation::le_) {
    dst = t_.zero_extend(bits, dst);
    return true;
  }
  if (row.operation != Operation::be_ && row.operation != Operation::bswap_) return false;
  const unsigned width = bits == 64 ? 64 : 32;
  dst = t_.swap(width, dst);
  if (bits == 16) dst = t_.shift("rsh", 32, dst, t_.constant(16));  // the two bytes were the lowest
  return true;
}

bool Meaning::access(const Insn& insn, const isa::FormInfo& row, Path& path) {
  const unsigned bytes = row.width() / 8;
  const bool loads = row.operands == Operands::load;
  const bool ordered = processor_ == Processor::a64;
  const Term base = path.regs[loads ? insn.src : insn.dst];
  const Term address = t_.add(64, base, t_.constant(static_cast<std::uint64_t>(std::int64_t{insn.off})));
  if (loads) {
    const bool acquires = row.operation == Operation::load_acquire_ && ordered;
    const Term loaded = path.happen(t_, {acquires ? "load_acquire" : "load", bytes, address, {}});
    const bool is_signed = row.operation == Operation::load_signed_;
    path.regs[insn.dst] = is_signed ? t_.sign_extend(8 * bytes, 64, loaded) : loaded;
    return true;
  }
  const bool releases = row.operation == Operation::store_release_ && ordered;
  const Term value = row.operands == Operands::store_imm ? number(insn) : path.regs[insn.src];
  path.happen(t_, {releases ? "store_release" : "store", bytes, address, {t_.zero_extend(8 * bytes, value)}});
  return true;
}

/// What each processor has for it. x86-64 has nothing that changes bits and gives the old ones: it loads, and tries to
/// exchange until nobody else was in between. arm64 has no and, but one that clears.
constexpr std::string_view kLoop = "lock cmpxchg";
struct Atomic {
  Operation operation;
  char changes;  ///< into the sum, the exchanged or the bits of both
  std::string_view x64;
  std::string_view a64;
};
constexpr std::size_t kFirstFetching = 4;
constexpr std::array<Atomic, 10> kAtomics{{{Operation::atomic_add_, '+', "lock add", "ldadd"},
                                           {Operation::atomic_or_, '|', "lock or", "ldset"},
                                           {Operation::atomic_and_, '&', "lock and", "ldclr"},
                                           {Operation::atomic_xor_, '^', "lock xor", "ldeor"},
                                           {Operation::atomic_fetch_add_, '+', "lock xadd", "ldaddal"},
                                           {Operation::atomic_fetch_or_, '|', kLoop, "ldsetal"},
                                           {Operation::atomic_fetch_and_, '&', kLoop, "ldclral"},
                                           {Operation::atomic_fetch_xor_, '^', kLoop, "ldeoral"},
                                           {Operation::atomic_xchg_, '=', "xchg", "swpal"},
                                           {Operation::atomic_cmpxchg_, '=', kLoop, "casal"}}};

bool Meaning::atomic(const Insn& insn, const isa::FormInfo& row, Path& path) {
  const auto* found =
      std::find_if(kAtomics.begin(), kAtomics.end(), [&](const Atomic& a) { return a.operation == row.operation; });
  if (found == kAtomics.end()) return false;
  const unsigned width = row.width();
  const unsigned bytes = width / 8;
  const bool is_a64 = processor_ == Processor::a64;
  const Term address = t_.add(64, path.regs[insn.dst], t_.constant(static_cast<std::uint64_t>(std::int64_t{insn.off})));
  std::vector<Term> values{t_.cut(width, path.regs[insn.src])};
  if (row.operation == Operation::atomic_cmpxchg_) values.push_back(t_.cut(width, path.regs[0]));
  const std::string_view name = is_a64 ? found->a64 : found->x64;
  if (is_a64 && name.starts_with("ldclr"))
    values[0] = t_.logic('^', width, values[0], t_.cut(width, t_.constant(~std::uint64_t{0})));
  if (name == kLoop && found->changes != '=') {
    const Term before = path.happen(t_, {"load", bytes, address, {}});
    values = {t_.logic(found->changes, width, before, values[0]), before};
  }
  const bool fetches = found >= kAtomics.begin() + kFirstFetching;
  const Term old = path.happen(t_, {std::string(name), bytes, address, std::move(values)});
  if (fetches) path.regs[row.operation == Operation::atomic_cmpxchg_ ? 0 : insn.src] = old;
  return true;
}

/// arm64 before LSE: between barriers when the old value is wanted.
bool Meaning::atomic_exclusive(const Insn& insn, const isa::FormInfo& row, Open& now, std::vector<Open>& open) {
  const auto* found =
      std::find_if(kAtomics.begin(), kAtomics.end(), [&](const Atomic& a) { return a.operation == row.operation; });
  if (found == kAtomics.end() || processor_ != Processor::a64) return false;
  const unsigned width = row.width();
  const bool fetches = found >= kAtomics.begin() + kFirstFetching;
  const bool compares = row.operation == Operation::atomic_cmpxchg_;
  const auto barrier = [&](Path& path) {
    if (fetches) path.happen(t_, {"dmb", 0, 0, {}});
  };
  Path& path = now.path;
  const Term address = t_.add(64, path.regs[insn.dst], t_.constant(static_cast<std::uint64_t>(std::int64_t{insn.off})));
  const Term operand = t_.cut(width, path.regs[insn.src]);
  barrier(path);
  const Term old = path.happen(t_, {"ldxr", width / 8, address, {}});
  if (compares)
    fork(now, open, make_condition(t_, "ne", width, old, path.regs[0]), now.pc + 1, [&](Path& other) {
      barrier(other);
      other.regs[0] = old;
    });
  const Term changed = found->changes == '='   ? operand
                       : found->changes == '+' ? t_.add(width, old, operand)
                                               : t_.logic(found->changes, width, old, operand);
  path.happen(t_, {"stxr", width / 8, address, {changed}});
  barrier(path);
  if (fetches) path.regs[compares ? 0 : insn.src] = old;
  return true;
}

constexpr std::array<std::pair<Operation, std::string_view>, 11> kBranches{{{Operation::jeq_, "eq"},
                                                                            {Operation::jne_, "ne"},
                                                                            {Operation::jgt_, "ugt"},
                                                                            {Operation::jge_, "uge"},
                                                                            {Operation::jlt_, "ult"},
                                                                            {Operation::jle_, "ule"},
                                                                            {Operation::jsgt_, "sgt"},
                                                                            {Operation::jsge_, "sge"},
                                                                            {Operation::jslt_, "slt"},
                                                                            {Operation::jsle_, "sle"},
                                                                            {Operation::jset_, "set"}}};

void Meaning::branch(const Insn& insn, const isa::FormInfo& row, Open& now, std::vector<Open>& open) {
  const auto* found =
      std::find_if(kBranches.begin(), kBranches.end(), [&](const auto& known) { return known.first == row.operation; });
  const Term b = row.operands == Operands::compare_imm ? number(insn) : now.path.regs[insn.src];
  const auto target = static_cast<std::uint32_t>(static_cast<std::int64_t>(now.pc) + 1 + insn.off);
  fork(now, open, make_condition(t_, found->second, row.width(), now.path.regs[insn.dst], b), target, [](Path&) {});
}

bool Meaning::run(const Insn& insn, const isa::FormInfo& row, Open& now, std::vector<Open>& open) {
  switch (row.operands) {
    case Operands::dst:
      return unary(insn, row, now.path);
    case Operands::dst_imm:
    case Operands::dst_src:
      return arithmetic(insn, row, now, open);
    case Operands::load:
    case Operands::store_imm:
    case Operands::store_src:
      return access(insn, row, now.path);
    case Operands::atomic:
      return way_ == Way::exclusive ? atomic_exclusive(insn, row, now, open) : atomic(insn, row, now.path);
    case Operands::compare_imm:
    case Operands::compare_src:
      branch(insn, row, now, open);
      return true;
    case Operands::none:
    case Operands::dst_src_imm:
    case Operands::jump_off:
    case Operands::jump_imm:
    case Operands::call_imm:
    case Operands::call_pc:
    case Operands::lddw:
    case Operands::packet_abs:
    case Operands::packet_ind:
      return false;
  }
  return false;
}

}  // namespace

std::optional<std::vector<Path>> bpf_paths(Terms& terms, Processor processor, Way way, std::span<const Insn> program,
                                           std::uint32_t first, std::uint32_t last,
                                           const std::function<std::uint32_t(std::uint32_t)>& address_of) {
  Meaning meaning(terms, processor, way);
  std::vector<Open> open{{Path(terms), first}};
  std::vector<Path> done;
  const auto return_from = [&](Path& path) {
    for (unsigned reg = 6; reg < kFramePointer; ++reg) path.regs[reg] = Terms::initial(reg);
    path.leads_to = kReturns;
    done.push_back(std::move(path));
  };
  while (!open.empty()) {
    Open now = std::move(open.back());
    open.pop_back();
    bool returned = false;
    while (now.pc >= first && now.pc < last) {
      const Insn& insn = program[now.pc];
      const unsigned form = isa::find_form(insn);
      if (form == isa::kFormCount) return std::nullopt;
      const isa::FormInfo& row = isa::info(static_cast<isa::Form>(form));
      if (row.operation == Operation::lddw_imm_) {
        const auto upper = static_cast<std::uint64_t>(static_cast<std::uint32_t>(program[now.pc + 1].imm));
        now.path.regs[insn.dst] = terms.constant(upper << 32 | static_cast<std::uint32_t>(insn.imm));
        now.pc += 2;
        continue;
      }
      if (row.operation == Operation::exit_) {
        return_from(now.path);
        returned = true;
        break;
      }
      if (row.operation == Operation::ja_) {
        const std::int64_t by = row.operands == Operands::jump_imm ? insn.imm : insn.off;
        now.pc = static_cast<std::uint32_t>(now.pc + 1 + by);
        continue;
      }
      if (!meaning.run(insn, row, now, open)) return std::nullopt;
      if (!std::exchange(now.skips, false)) ++now.pc;
    }
    if (returned) continue;
    now.path.leads_to = address_of(now.pc);
    done.push_back(std::move(now.path));
  }
  return done;
}

}  // namespace skep::encoding
