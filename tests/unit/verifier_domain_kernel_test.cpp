// The running kernel as referee of the scalar domain: random programs over two registers are loaded with log level 2,
// and the register states that the kernel prints after every instruction are compared with what the domain computes.
//
// Only Linux 6.18 referees, since precision differs between releases. A program ends at its first difference, so that
// each difference is counted once.
#include <array>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/kernel.hpp"
#include "verifier/domain/scalar.hpp"

namespace skep::verifier {
namespace {

constexpr int kSteps = 10;

/// A few hundred milliseconds of programs; more with SKEP_EXHAUSTIVE=1.
std::size_t program_count() { return std::getenv("SKEP_EXHAUSTIVE") != nullptr ? 100'000 : 2'000; }

std::optional<std::string> unavailable() {
  utsname system{};
  ::uname(&system);
  if (std::string_view(system.release).starts_with("6.18.")) return kernel::unavailable();
  return std::string("the referee is Linux 6.18, this is ") + system.release;
}

std::string verifier_log(const std::vector<Insn>& insns) {
  std::string log(1 << 20, '\0');
  bpf_attr attr{};
  attr.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  attr.insns = reinterpret_cast<std::uint64_t>(insns.data());
  attr.insn_cnt = static_cast<std::uint32_t>(insns.size());
  attr.license = reinterpret_cast<std::uint64_t>("GPL");
  attr.log_level = 2;
  attr.log_buf = reinterpret_cast<std::uint64_t>(log.data());
  attr.log_size = static_cast<std::uint32_t>(log.size());
  const kernel::Descriptor program(kernel::call(BPF_PROG_LOAD, attr));
  REQUIRE(program.ok());
  log.resize(log.find('\0'));
  return log;
}

/// Reads `5`, `-5`, `0xff…`, `scalar()` or `scalar(id=1,smin=umin=3,…,var_off=(0x0; 0xff))`, precise (`P`) or not.
std::optional<Scalar> parse_scalar(std::string_view text) {
  if (text.starts_with("P")) text.remove_prefix(1);
  const auto number = [](std::string_view digits) { return std::strtoull(std::string(digits).c_str(), nullptr, 0); };
  if (!text.starts_with("scalar(")) {
    if (text.empty() || text.find_first_not_of("-0123456789abcdefx") != std::string_view::npos) return std::nullopt;
    return Scalar::constant(number(text));
  }
  text.remove_prefix(7);
  Scalar scalar = Scalar::unknown();
  std::vector<std::string_view> names;
  while (!text.empty() && text.front() != ')') {
    if (text.front() == ',') text.remove_prefix(1);
    const std::size_t end = text.find_first_of("=,)");
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(end);
    if (text.front() == '=') {
      names.push_back(word);
      text.remove_prefix(1);
      if (word != "var_off") continue;
      const std::size_t semicolon = text.find("; ");
      scalar.bits = {number(text.substr(1, semicolon - 1)), number(text.substr(semicolon + 2))};
      text.remove_prefix(text.find(')') + 1);
      names.clear();
      continue;
    }
    const std::uint64_t value = number(word);
    for (const std::string_view name : names) {
      if (name == "smin") scalar.smin = static_cast<std::int64_t>(value);
      if (name == "smax") scalar.smax = static_cast<std::int64_t>(value);
      if (name == "umin") scalar.umin = value;
      if (name == "umax") scalar.umax = value;
      if (name == "smin32") scalar.smin_half = static_cast<std::int32_t>(value);
      if (name == "smax32") scalar.smax_half = static_cast<std::int32_t>(value);
      if (name == "umin32") scalar.umin_half = static_cast<std::uint32_t>(value);
      if (name == "umax32") scalar.umax_half = static_cast<std::uint32_t>(value);
    }
    names.clear();
  }
  return scalar;
}

using Registers = std::map<char, Scalar>;

/// The states of r6 and r7 in `R6=… R7=…`.
Registers parse_registers(std::string_view text) {
  Registers registers;
  for (const char name : {'6', '7'}) {
    const std::size_t at = text.find(std::string("R") + name + "=");
    if (at == std::string_view::npos) continue;
    std::string_view state = text.substr(at + 3);
    const std::size_t open = state.find('(');
    const std::size_t space = state.find(' ');
    // The only blank within a scalar is the one in var_off.
    state = open < space
                ? state.substr(0, state.find(") ") == std::string_view::npos ? state.size() : state.find(") ") + 1)
                : state.substr(0, space);
    if (const auto scalar = parse_scalar(state)) registers[name] = *scalar;
  }
  return registers;
}

/// The kernel's log, by instruction.
struct Log {
  std::map<std::size_t, Registers> after;    ///< on falling through; of a jump, what holds when it is not taken
  std::map<std::size_t, Registers> arrived;  ///< by target: what holds when a jump to it was taken
  std::map<std::size_t, bool> forked;        ///< jumps of which both ways were explored
};

Log parse_log(const std::string& text) {
  Log log;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    std::size_t from = 0, to = 0;
    if (std::sscanf(line.c_str(), "from %zu to %zu:", &from, &to) == 2) {
      log.forked[from] = true;
      log.arrived[to] = parse_registers(line);
    } else if (const std::size_t comment = line.find("; "); comment != std::string::npos) {
      char* rest = nullptr;
      const std::size_t pc = std::strtoul(line.c_str(), &rest, 10);
      if (std::string_view(rest).starts_with(": (")) log.after[pc] = parse_registers(line.substr(comment));
    }
  }
  return log;
}

struct AluRow {
  Alu op;
  std::uint8_t code;
  std::int16_t off;
};
constexpr std::array kAluRows{AluRow{Alu::add, 0x00, 0}, AluRow{Alu::sub, 0x10, 0},  AluRow{Alu::mul, 0x20, 0},
                              AluRow{Alu::or_, 0x40, 0}, AluRow{Alu::and_, 0x50, 0}, AluRow{Alu::lsh, 0x60, 0},
                              AluRow{Alu::rsh, 0x70, 0}, AluRow{Alu::xor_, 0xa0, 0}, AluRow{Alu::arsh, 0xc0, 0},
                              AluRow{Alu::div, 0x30, 0}, AluRow{Alu::mod, 0x90, 0},  AluRow{Alu::sdiv, 0x30, 1},
                              AluRow{Alu::smod, 0x90, 1}};

struct CondRow {
  Cond cond;
  std::uint8_t code;
};
constexpr std::array kCondRows{CondRow{Cond::eq, 0x10},  CondRow{Cond::ne, 0x50},  CondRow{Cond::gt, 0x20},
                               CondRow{Cond::ge, 0x30},  CondRow{Cond::lt, 0xa0},  CondRow{Cond::le, 0xb0},
                               CondRow{Cond::sgt, 0x60}, CondRow{Cond::sge, 0x70}, CondRow{Cond::slt, 0xc0},
                               CondRow{Cond::sle, 0xd0}, CondRow{Cond::set, 0x40}};

/// A program under way, with what the domain knows of r6 and r7 after each step.
class Program {
 public:
  struct Step {
    std::string what;
    std::size_t pc = 0;                 ///< the instruction whose state is to be compared
    std::optional<std::size_t> target;  ///< where a taken jump arrived, when that way was followed
    std::optional<bool> decision;       ///< of a jump
    bool is_jump = false;
    std::string before;
    std::array<Scalar, 2> after;
  };

  explicit Program(std::uint64_t seed) : random_(seed) {
    for (const std::uint8_t reg : {6, 7}) {
      add(Insn(0x85, 0, 0, 0, 7));
      add(Insn(0xbf, reg, 0, 0, 0));
    }
    regs_ = {Scalar::unknown(), Scalar::unknown()};
    for (int i = 0; i < kSteps; ++i) step();
    add(Insn(0xb7, 0, 0, 0, 0));
    add(Insn(0x95, 0, 0, 0, 0));
  }
  [[nodiscard]] const std::vector<Insn>& insns() const { return insns_; }
  [[nodiscard]] const std::vector<Step>& steps() const { return steps_; }
  static std::string text(const Scalar& s) {
    char buffer[400];
    std::snprintf(buffer, sizeof(buffer), "u[%#lx,%#lx] s[%#lx,%#lx] u32[%#x,%#x] s32[%#x,%#x] bits(%#lx;%#lx)", s.umin,
                  s.umax, static_cast<std::uint64_t>(s.smin), static_cast<std::uint64_t>(s.smax), s.umin_half,
                  s.umax_half, static_cast<std::uint32_t>(s.smin_half), static_cast<std::uint32_t>(s.smax_half),
                  s.bits.value, s.bits.mask);
    return buffer;
  }

 private:
  void add(const Insn& insn) { insns_.push_back(insn); }
  std::uint64_t below(std::uint64_t limit) { return random_() % limit; }

  std::int32_t immediate() {
    static constexpr std::array<std::int64_t, 16> kEdges{
        0, 1, 2, 7, 8, 31, 63, 127, 255, 4096, 65535, 0xfff0, 0xffff, 0x7fffffff, -0x7ffffff, -2147483648};
    const std::uint64_t kind = below(4);
    if (kind == 0) return static_cast<std::int32_t>(random_());
    if (kind == 1) return static_cast<std::int32_t>(random_() & 0xffff) - 0x4000;
    return static_cast<std::int32_t>(kEdges[below(kEdges.size())] * (below(4) == 0 ? -1 : 1));
  }

  static std::uint8_t reg(std::size_t index) { return static_cast<std::uint8_t>(6 + index); }

  void finish(std::string what, const std::array<Scalar, 2>& before, std::size_t pc) {
    Step step;
    step.what = std::move(what);
    step.pc = pc;
    step.before = text(before[0]) + " and " + text(before[1]);
    step.after = regs_;
    steps_.push_back(std::move(step));
  }

  void step() {
    const std::uint64_t kind = below(100);
    const std::size_t dst = below(2);
    const auto before = regs_;
    if (kind < 50) {
      alu_step(dst);
    } else if (kind < 80) {
      jump_step(dst);
    } else {
      unary_step(dst, kind - 80, before);
    }
  }

  void alu_step(std::size_t dst) {
    const auto before = regs_;
    // Division says nothing; a few of it are enough.
    const AluRow& row = kAluRows[below(below(10) == 0 ? kAluRows.size() : 9)];
    const bool half = below(3) == 0;
    const bool is_shift = row.op == Alu::lsh || row.op == Alu::rsh || row.op == Alu::arsh;
    const bool by_register = below(is_shift ? 8 : 2) == 0;
    std::int32_t imm = immediate();
    if (is_shift) imm = static_cast<std::int32_t>(below(3) == 0 && !half ? 32 : below(half ? 32 : 64));
    if (imm == 0 && row.code != 0) imm = 1;
    const Scalar source =
        by_register ? regs_[1 - dst] : Scalar::constant(static_cast<std::uint64_t>(std::int64_t{imm}));
    const auto is_sign = [](auto min, auto max) { return min == -1 && max == 0; };
    const Scalar& old = regs_[dst];
    // The kernel walks on from both values of such a number apart, which is not the domain's matter.
    if ((row.op == Alu::and_ || row.op == Alu::or_) && source.is_constant() &&
        (is_sign(old.smin, old.smax) || is_sign(old.smin_half, old.smax_half)))
      return;
    const auto code = static_cast<std::uint8_t>(row.code | (by_register ? 8 : 0) | (half ? 4 : 7));
    add(Insn(code, reg(dst), by_register ? reg(1 - dst) : std::uint8_t{0}, row.off, by_register ? 0 : imm));
    regs_[dst] = half ? alu_half(row.op, old, source) : alu(row.op, old, source);
    finish((row.op == Alu::mul ? "mul " : "alu ") + std::to_string(code) + " off " + std::to_string(row.off) + " imm " +
               std::to_string(imm) + " r" + std::to_string(reg(dst)),
           before, insns_.size() - 1);
  }

  void unary_step(std::size_t dst, std::uint64_t kind, const std::array<Scalar, 2>& before) {
    Scalar& scalar = regs_[dst];
    const std::uint8_t r = reg(dst);
    if (kind < 3) {
      const std::int64_t value = immediate();
      add(Insn(0xb7, r, 0, 0, static_cast<std::int32_t>(value)));
      scalar = Scalar::constant(static_cast<std::uint64_t>(value));
    } else if (kind < 5) {
      add(Insn(0xbc, r, r, 0, 0));
      scalar = zero_extend(scalar, 32);
    } else if (kind < 8) {
      const unsigned bits = 8u << below(3);
      add(Insn(0xbf, r, r, static_cast<std::int16_t>(bits), 0));
      scalar = sign_extend(scalar, bits);
    } else if (kind < 10) {
      const unsigned bits = 8u << below(2);
      add(Insn(0xbc, r, r, static_cast<std::int16_t>(bits), 0));
      scalar = sign_extend_half(scalar, bits);
    } else if (kind < 12) {
      add(Insn(0x87, r, 0, 0, 0));
      scalar = alu(Alu::sub, Scalar::constant(0), scalar);
    } else if (kind < 14) {
      add(Insn(0x84, r, 0, 0, 0));
      scalar = alu_half(Alu::sub, Scalar::constant(0), scalar);
    } else if (kind < 17) {
      const unsigned bits = 16u << below(3);
      add(Insn(below(2) == 0 ? 0xdc : 0xd7, r, 0, 0, static_cast<std::int32_t>(bits)));
      scalar = byte_swap(scalar, bits);
    } else {
      const unsigned bits = 16u << below(3);
      add(Insn(0xd4, r, 0, 0, static_cast<std::int32_t>(bits)));
      scalar = zero_extend(scalar, bits);
    }
    finish("unary " + std::to_string(kind), before, insns_.size() - 1);
  }

  void jump_step(std::size_t dst) {
    const auto before = regs_;
    const CondRow& row = kCondRows[below(kCondRows.size())];
    const bool half = below(2) == 0;
    const bool by_register = below(3) == 0;
    const std::int32_t imm = immediate();
    const Scalar source =
        by_register ? regs_[1 - dst] : Scalar::constant(static_cast<std::uint64_t>(std::int64_t{imm}));
    const auto code = static_cast<std::uint8_t>(row.code | (by_register ? 8 : 0) | (half ? 6 : 5));
    const auto decision = decide(row.cond, regs_[dst], source, half);
    bool taken = decision ? *decision : below(2) == 0;
    auto ways = std::array{std::pair(regs_[dst], source), std::pair(regs_[dst], source)};
    if (!decision) {
      const bool can_fall = refine(row.cond, false, ways[0].first, ways[0].second, half);
      const bool can_jump = refine(row.cond, true, ways[1].first, ways[1].second, half);
      // Refinement finds contradictions that deciding does not look for; the kernel then walks both ways.
      if (!can_jump || !can_fall) taken = can_jump;
    }
    // Not taken: over an unconditional jump to where a taken one arrives, which then ends.
    const std::size_t pc = insns_.size();
    const auto target = pc + 3;
    add(Insn(code, reg(dst), by_register ? reg(1 - dst) : std::uint8_t{0}, taken ? 2 : 1, by_register ? 0 : imm));
    if (taken) {
      add(Insn(0xb7, 0, 0, 0, 0));
      add(Insn(0x95, 0, 0, 0, 0));
    } else {
      add(Insn(0x05, 0, 0, 2, 0));
      add(Insn(0xb7, 0, 0, 0, 0));
      add(Insn(0x95, 0, 0, 0, 0));
    }
    regs_[dst] = ways[taken ? 1 : 0].first;
    if (by_register) regs_[1 - dst] = ways[taken ? 1 : 0].second;
    finish("jump " + std::to_string(code) + " imm " + std::to_string(imm) + " r" + std::to_string(reg(dst)) +
               (taken ? " taken" : " not taken"),
           before, pc);
    steps_.back().is_jump = true;
    steps_.back().decision = decision;
    if (taken) steps_.back().target = target;
  }

  std::mt19937_64 random_;
  std::vector<Insn> insns_;
  std::vector<Step> steps_;
  std::array<Scalar, 2> regs_;
};

struct Tally {
  std::uint64_t equal = 0, tighter = 0, looser = 0, decided_alike = 0, decided_more = 0, decided_less = 0;
  std::map<std::string, int> tighter_by;
};

/// Compares up to the first difference.
void compare(const Program& program, const Log& log, std::uint64_t seed, Tally& tally) {
  for (const auto& step : program.steps()) {
    CAPTURE(seed);
    CAPTURE(step.what);
    CAPTURE(step.before);
    if (step.is_jump) {
      const bool forked = log.forked.contains(step.pc);
      if (forked == step.decision.has_value()) {
        ++(forked ? tally.decided_more : tally.decided_less);
        if (!forked) FAIL_CHECK("the kernel decides what the domain does not");
        return;
      }
      ++tally.decided_alike;
      if (step.decision) continue;
    }
    const auto& states = step.target ? log.arrived : log.after;
    const auto found = states.find(step.target.value_or(step.pc));
    if (found == states.end()) continue;
    for (const auto& [name, theirs] : found->second) {
      const Scalar& ours = step.after[static_cast<std::size_t>(name - '6')];
      if (ours == theirs) {
        ++tally.equal;
        continue;
      }
      if (ours.within(theirs)) {
        ++tally.tighter;
        ++tally.tighter_by[step.what.substr(0, step.what.find(' '))];
      } else {
        ++tally.looser;
        FAIL_CHECK("looser: ours ", Program::text(ours), "\n theirs ", Program::text(theirs));
      }
      return;
    }
  }
}

}  // namespace

TEST_CASE("the domain is never looser than the running kernel's verifier, instruction by instruction") {
  if (const auto reason = unavailable()) {
    MESSAGE("SKIP: ", *reason);
    return;
  }
  Tally tally;
  for (std::uint64_t seed = 0; seed < program_count(); ++seed) {
    const Program program(seed);
    compare(program, parse_log(verifier_log(program.insns())), seed, tally);
  }
  MESSAGE("register states against the kernel: ", tally.equal, " equal, ", tally.tighter, " ours tighter, ",
          tally.looser, " ours looser; jumps: ", tally.decided_alike, " decided alike, ", tally.decided_more,
          " by us alone, ", tally.decided_less, " by the kernel alone");
  for (const auto& [what, count] : tally.tighter_by) MESSAGE("ours tighter after ", what, ": ", count);
  CHECK(tally.looser == 0);
  CHECK(tally.decided_less == 0);
  CHECK(tally.equal > 2 * program_count());
}

}  // namespace skep::verifier
