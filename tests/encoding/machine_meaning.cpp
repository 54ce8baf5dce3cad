// The walk along instructions and their branches.
#include "encoding/machine_meaning.hpp"

#include <algorithm>
#include <array>

namespace skep::encoding {
namespace {

struct Named {
  std::string_view suffix;
  std::string_view condition;
};
constexpr std::array<Named, 19> kConditions{{{"e", "eq"},
                                             {"ne", "ne"},
                                             {"a", "ugt"},
                                             {"ae", "uge"},
                                             {"b", "ult"},
                                             {"be", "ule"},
                                             {"g", "sgt"},
                                             {"ge", "sge"},
                                             {"l", "slt"},
                                             {"le", "sle"},
                                             {"eq", "eq"},
                                             {"hi", "ugt"},
                                             {"hs", "uge"},
                                             {"lo", "ult"},
                                             {"ls", "ule"},
                                             {"gt", "sgt"},
                                             {"lt", "slt"},
                                             {"z", "eq"},
                                             {"nz", "ne"}}};

}  // namespace

std::string_view condition_named(std::string_view suffix) {
  const auto* found =
      std::find_if(kConditions.begin(), kConditions.end(), [&](const auto& c) { return c.suffix == suffix; });
  return found == kConditions.end() ? std::string_view{} : found->condition;
}

void Machine::fail(const Decoded& insn, std::string_view why) {
  if (wrong_.empty()) wrong_ = insn.name + ": " + std::string(why);
}

Term Machine::value(const Walk& walk, const Operand& operand) {
  if (operand.kind == Operand::Kind::imm)
    return terms_.constant(static_cast<std::uint64_t>(operand.imm) << operand.shift);
  const Term whole = terms_.zero_extend(operand.bits, walk.path.regs[operand.reg]);
  constexpr std::array<std::string_view, 3> kShifts{"lsh", "rsh", "arsh"};
  return terms_.shift(kShifts[static_cast<unsigned>(operand.direction)], operand.bits, whole,
                      terms_.constant(operand.shift));
}

Term Machine::address(const Walk& walk, const Operand& operand) {
  Term sum = terms_.constant(static_cast<std::uint64_t>(operand.imm));
  if (operand.base != kNoRegister) sum = terms_.add(64, sum, walk.path.regs[operand.base]);
  if (operand.index == kNoRegister) return sum;
  return terms_.add(64, sum, terms_.scale(64, walk.path.regs[operand.index], std::uint64_t{1} << operand.shift));
}

Term* Machine::kept_at(Walk& walk, Term address) {
  auto& kept = walk.path.kept;
  const auto found = std::find_if(kept.begin(), kept.end(), [&](const auto& word) { return word.first == address; });
  return found == kept.end() ? nullptr : &found->second;
}

void Machine::keep(Walk& walk, Term address, Term value) {
  if (Term* kept = kept_at(walk, address))
    *kept = value;
  else
    walk.path.kept.emplace_back(address, value);
}

void Machine::push(Walk& walk, Term value) {
  Term& top = walk.path.regs[kStackPointer];
  top = terms_.sub(64, top, terms_.constant(8));
  keep(walk, top, value);
}

Term Machine::pop(Walk& walk, const Decoded& insn) {
  Term& top = walk.path.regs[kStackPointer];
  const Term* kept = kept_at(walk, top);
  if (kept == nullptr) fail(insn, "what was never pushed");
  top = terms_.add(64, top, terms_.constant(8));
  return kept == nullptr ? top : *kept;
}

Term Machine::load(Walk& walk, const Operand& operand, unsigned bytes, std::string_view name) {
  const bool of_stack = operand.base == kStackPointer && bytes == 8;
  if (const Term* kept = of_stack ? kept_at(walk, address(walk, operand)) : nullptr) return *kept;
  if (is_private(operand))
    return terms_.apply("private", bytes == 8 ? 64 : 32, {}, static_cast<std::uint64_t>(operand.imm));
  return walk.path.happen(terms_, {std::string(name), bytes, address(walk, operand), {}});
}

void Machine::store(Walk& walk, const Operand& operand, unsigned bytes, Term value, std::string_view name) {
  if (operand.base == kStackPointer && bytes == 8) keep(walk, address(walk, operand), value);
  if (is_private(operand)) return;
  walk.path.happen(terms_, {std::string(name), bytes, address(walk, operand), {terms_.zero_extend(8 * bytes, value)}});
}

void Machine::set(Walk& walk, const Operand& operand, Term value) {
  if (operand.kind != Operand::Kind::reg || operand.bits < 32) {
    if (wrong_.empty()) wrong_ = "a result in what is no register of 32 or 64 bits";
    return;
  }
  if (operand.reg != kZero) walk.path.regs[operand.reg] = terms_.cut(operand.bits, value);
}

void Machine::compare(Walk& walk, std::string_view flags, unsigned width, Term a, Term b) {
  walk.flags = flags;
  walk.flags_width = width;
  walk.flags_a = a;
  walk.flags_b = b;
}

Condition Machine::of_flags(const Walk& walk, const Decoded& insn, std::string_view condition) {
  const bool equality = condition == "eq" || condition == "ne";
  if (walk.flags == "test" && equality)
    return make_condition(terms_, condition == "eq" ? "unset" : "set", walk.flags_width, walk.flags_a, walk.flags_b);
  if (walk.flags == "test" && walk.flags_a == walk.flags_b)
    return make_condition(terms_, condition, walk.flags_width, walk.flags_a, terms_.constant(0));
  if (walk.flags != "cmp") fail(insn, "a condition of flags that nothing set for it");
  return make_condition(terms_, condition, walk.flags_width, walk.flags_a, walk.flags_b);
}

/// What is decided goes one way.
void Machine::fork(Walk& walk, const Decoded& insn, std::string_view name, const std::function<void(Walk&)>& taken) {
  Condition condition = of_flags(walk, insn, name);
  if (const auto holds = decided(terms_, condition)) {
    if (*holds) taken(walk);
    return;
  }
  Walk other = walk;
  other.path.conditions.push_back(condition);
  taken(other);
  if (other.next <= insns_.size()) open_.push_back(std::move(other));
  condition.holds = !condition.holds;
  walk.path.conditions.push_back(std::move(condition));
}

/// `target` is an offset from where the instructions begin.
void Machine::follow(Walk walk, std::int64_t target) {
  const auto found = std::find_if(insns_.begin(), insns_.end(), [&](const Decoded& insn) { return insn.at == target; });
  walk.next = static_cast<std::size_t>(found - insns_.begin());
  if (found == insns_.end()) {
    walk.path.leads_to = static_cast<std::uint32_t>(from_ + target);
    done_.push_back(std::move(walk.path));
    return;
  }
  open_.push_back(std::move(walk));
}

bool Machine::jump(Walk& walk, const Decoded& insn) {
  if (insn.name == "ret") {
    walk.path.leads_to = kReturns;
    done_.push_back(std::move(walk.path));
    walk.next = insns_.size() + 1;
    return true;
  }
  const bool always = insn.name == "jmp" || insn.name == "b";
  const bool by_value = insn.name == "cbz" || insn.name == "cbnz";
  const std::size_t prefix = by_value || insn.name.starts_with("b.") ? 2 : 1;
  const bool branches = insn.name.starts_with('j') || insn.name.starts_with("b.") || by_value;
  if (!insn.leads_to || !(always || branches)) return false;
  const std::int64_t target = *insn.leads_to;
  const bool goes_back = target <= insn.at;
  if (always) {
    if (goes_back) fail(insn, "back, for ever");
    follow(std::move(walk), target);
    walk.next = insns_.size() + 1;
    return true;
  }
  if (goes_back || (*is_detour_ && (*is_detour_)(from_ + target))) return true;
  if (by_value) compare(walk, "cmp", insn.operands[0].bits, value(walk, insn.operands[0]), terms_.constant(0));
  const std::string_view condition = condition_named(std::string_view(insn.name).substr(prefix));
  if (condition.empty()) fail(insn, "no known condition");
  fork(walk, insn, condition, [&](Walk& taken) {
    follow(taken, target);
    taken.next = insns_.size() + 1;
  });
  return true;
}

std::optional<std::vector<Path>> Machine::paths(std::span<const Decoded> insns, std::uint32_t from, std::uint32_t end,
                                                const std::function<bool(std::int64_t)>& is_detour) {
  insns_ = insns;
  from_ = from;
  end_ = end;
  is_detour_ = &is_detour;
  wrong_.clear();
  open_.clear();
  done_.clear();
  open_.push_back({Path(terms_)});
  while (!open_.empty() && wrong_.empty()) {
    Walk walk = std::move(open_.back());
    open_.pop_back();
    while (walk.next < insns_.size() && wrong_.empty()) {
      const Decoded& insn = insns_[walk.next++];
      if (jump(walk, insn)) continue;
      if (!(processor_ == Processor::x64 ? run_x64(*this, walk, insn) : run_a64(*this, walk, insn)))
        fail(insn, "nothing that an operation would become");
    }
    if (walk.next > insns_.size()) continue;  // went elsewhere
    walk.path.leads_to = end_;
    done_.push_back(std::move(walk.path));
  }
  if (!wrong_.empty()) return std::nullopt;
  return done_;
}

}  // namespace skep::encoding
