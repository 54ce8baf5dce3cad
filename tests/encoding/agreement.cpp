#include "encoding/agreement.hpp"

#include <algorithm>

#include "encoding/bpf_meaning.hpp"
#include "encoding/contract.hpp"
#include "encoding/machine_meaning.hpp"

namespace skep::encoding {
namespace {

using Part = MachineCode::Part;
using Role = MachineCode::Role;

#ifdef __aarch64__
constexpr Processor kProcessor = Processor::a64;
#else
constexpr Processor kProcessor = Processor::x64;
#endif

/// A part of the code, decoded.
struct Piece {
  const Part* part;
  std::uint32_t end;
  const std::vector<Decoded>* insns;
};

class Code {
 public:
  Code(Decoder& decoder, Terms& terms, const Built& built)
      : decoder_(decoder), terms_(terms), built_(built), starts_(built.bytes.size()) {}

  std::optional<std::string> find_fault(Looked& looked) {
    if (auto fault = decode(looked)) return fault;
    if (auto fault = check_branches()) return fault;
    if (built_.look == Look::parts) return compare(looked);
    if (auto fault = check_contract()) return fault;
    return built_.look == Look::contract ? std::nullopt : compare_whole(looked);
  }

 private:
  [[nodiscard]] std::string place(std::uint64_t at) const { return "offset " + std::to_string(at) + ": "; }

  std::optional<std::string> decode(Looked& looked) {
    const std::span<const std::byte> bytes(built_.bytes);
    if (built_.parts.empty() || built_.parts.front().from_bytes != 0) return "the code map does not begin at 0";
    for (std::size_t i = 0; i < built_.parts.size(); ++i) {
      const Part& part = built_.parts[i];
      const bool is_last = i + 1 == built_.parts.size();
      const auto end = is_last ? static_cast<std::uint32_t>(bytes.size()) : built_.parts[i + 1].from_bytes;
      if (part.from_bytes >= end || end > bytes.size())
        return place(part.from_bytes) + "a part of the map has no bytes";
      const auto* insns = decoder_.decode(bytes.subspan(part.from_bytes, end - part.from_bytes));
      if (insns == nullptr) return place(part.from_bytes) + "bytes up to the next part that are no instructions";
      for (const Decoded& insn : *insns) starts_[part.from_bytes + insn.at] = true;
      looked.insns += insns->size();
      pieces_.push_back({&part, end, insns});
    }
    ++looked.codes;
    // What runs off the end of the code would be padding that was taken for it.
    const std::string& last = pieces_.back().insns->back().name;
    if (last != "ret" && last != "jmp" && last != "b" && last != "br") return "the code ends with " + last;
    return std::nullopt;
  }

  [[nodiscard]] std::optional<std::string> check_branches() const {
    for (const Piece& piece : pieces_)
      for (const Decoded& insn : *piece.insns) {
        if (!insn.leads_to) continue;
        const std::int64_t to = *insn.leads_to + piece.part->from_bytes;
        const bool inside = to >= 0 && to < static_cast<std::int64_t>(starts_.size());
        if (!inside || !starts_[static_cast<std::size_t>(to)])
          return place(piece.part->from_bytes + insn.at) + insn.name + " to " + std::to_string(to) +
                 ", where no instruction begins";
      }
    return std::nullopt;
  }

  [[nodiscard]] std::optional<std::string> check_contract() const {
    for (const Piece& piece : pieces_)
      for (const Decoded& insn : *piece.insns)
        if (const auto why = outside_contract(kProcessor, insn, piece.part->role); !why.empty())
          return place(piece.part->from_bytes + insn.at) + insn.name + " " + why;
    return std::nullopt;
  }

  /// Of slot `pc`, or of the first after it that became something.
  [[nodiscard]] std::uint32_t address_of(std::uint32_t pc) const {
    for (const Piece& piece : pieces_)
      if (piece.part->role == Role::insn && piece.part->pc >= pc) return piece.part->from_bytes;
    return static_cast<std::uint32_t>(built_.bytes.size());
  }

  [[nodiscard]] bool is_detour(std::int64_t at) const {
    const auto next = std::upper_bound(pieces_.begin(), pieces_.end(), at,
                                       [](std::int64_t a, const Piece& piece) { return a < piece.part->from_bytes; });
    if (next == pieces_.begin()) return false;
    const Role role = std::prev(next)->part->role;
    return role == Role::detour || role == Role::shared;
  }

  std::optional<std::string> compare(Looked& looked) const {
    std::uint32_t reached = built_.first;
    for (std::size_t i = 0; i + 1 < pieces_.size(); ++i) {
      const Part& part = *pieces_[i].part;
      if (part.role != Role::insn || part.pc >= built_.last) continue;
      const Part& next = *pieces_[i + 1].part;
      if (next.role != Role::insn || next.pc <= built_.first) continue;
      if (auto fault = compare(pieces_[i], next.pc)) return fault;
      ++looked.parts;
      reached = next.pc;
    }
    if (reached < built_.last) return "slot " + std::to_string(reached) + " is in no part of the map";
    return std::nullopt;
  }

  /// The piece is what slots up to `last` became.
  [[nodiscard]] std::optional<std::string> compare(const Piece& piece, std::uint32_t last) const {
    terms_.clear();
    Machine machine(terms_, kProcessor);
    const std::uint32_t first = piece.part->pc;
    const auto does = machine.paths(*piece.insns, piece.part->from_bytes, piece.end,
                                    [this](std::int64_t at) { return is_detour(at); });
    if (!does) return named(piece, first) + machine.wrong();
    std::string difference = "means nothing known";
    for (const Way way : {Way::plain, Way::reciprocal, Way::exclusive}) {
      const auto asked = bpf_paths(terms_, kProcessor, way, built_.program, first, last,
                                   [this](std::uint32_t pc) { return address_of(pc); });
      if (!asked) continue;
      if (is_same(*does, *asked)) return std::nullopt;
      if (way == Way::plain) difference = explain(terms_, *does, *asked);
    }
    return named(piece, first) + difference;
  }

  /// From where the first function begins, with what is out of its way.
  [[nodiscard]] std::vector<Decoded> all_insns() const {
    std::vector<Decoded> all;
    for (const Piece& piece : pieces_) {
      if (piece.part->role == Role::entry) continue;
      for (const Decoded& insn : *piece.insns) {
        Decoded& here = all.emplace_back(insn);
        here.at += piece.part->from_bytes;
        if (here.leads_to) *here.leads_to += piece.part->from_bytes;
      }
    }
    return all;
  }

  std::optional<std::string> compare_whole(Looked& looked) const {
    terms_.clear();
    if (built_.look == Look::bytes) terms_.join_bytes();
    Machine machine(terms_, kProcessor);
    const auto insns = all_insns();
    auto does = machine.paths(insns, 0, static_cast<std::uint32_t>(built_.bytes.size()), nullptr);
    if (!does) return machine.wrong();
    for (Path& path : *does) spread_numbers(terms_, path);
    std::string difference = "means nothing known";
    const auto last = static_cast<std::uint32_t>(built_.program.size());
    for (const Way way : {Way::plain, Way::reciprocal, Way::exclusive}) {
      auto asked = bpf_paths(terms_, kProcessor, way, built_.program, 0, last, [](std::uint32_t) { return 0; });
      if (!asked) continue;
      for (Path& path : *asked) spread_numbers(terms_, path);
      if (does->size() == asked->size() && all_of_are_in(*does, *asked, same_at_return)) {
        ++looked.parts;
        return std::nullopt;
      }
      if (way == Way::plain || way == Way::reciprocal) difference = first_difference(*does, *asked);
    }
    return difference;
  }

  /// Of the first path that nothing asks for, and what asks for most of it.
  [[nodiscard]] std::string first_difference(const std::vector<Path>& does, const std::vector<Path>& asked) const {
    for (const Path& path : does) {
      if (std::any_of(asked.begin(), asked.end(), [&](const Path& other) { return same_at_return(path, other); }))
        continue;
      const auto alike = [&](const Path& other) {
        return std::mismatch(path.events.begin(), path.events.end(), other.events.begin(), other.events.end()).first -
               path.events.begin() + 1000 * (path.conditions == other.conditions ? 1 : 0);
      };
      const auto nearest = std::max_element(asked.begin(), asked.end(),
                                            [&](const Path& a, const Path& b) { return alike(a) < alike(b); });
      return nearest == asked.end() ? "nothing is asked" : difference_of(path, *nearest);
    }
    return "asks for " + std::to_string(asked.size()) + " paths, does " + std::to_string(does.size());
  }

  [[nodiscard]] std::string difference_of(const Path& does, const Path& asked) const {
    const auto differs =
        std::mismatch(does.events.begin(), does.events.end(), asked.events.begin(), asked.events.end());
    const auto event = [&](const Path& path, std::vector<Event>::const_iterator at) {
      if (at == path.events.end()) return std::string("nothing more");
      std::string text = at->name + " " + std::to_string(at->bytes) + " at " + terms_.text(at->address);
      for (const Term value : at->values) text += ", " + terms_.text(value);
      return text;
    };
    if (differs.first != does.events.end() || differs.second != asked.events.end())
      return "does " + event(does, differs.first) + "; asked " + event(asked, differs.second);
    return explain(terms_, {does}, {asked});
  }

  [[nodiscard]] static bool all_of_are_in(const std::vector<Path>& paths, const std::vector<Path>& among,
                                          bool (*is_same_path)(const Path&, const Path&)) {
    return std::all_of(paths.begin(), paths.end(), [&](const Path& path) {
      return std::any_of(among.begin(), among.end(), [&](const Path& other) { return is_same_path(path, other); });
    });
  }

  [[nodiscard]] static bool is_same(const std::vector<Path>& does, const std::vector<Path>& asked) {
    return does.size() == asked.size() && all_of_are_in(asked, does, same);
  }

  [[nodiscard]] std::string named(const Piece& piece, std::uint32_t pc) const {
    const Insn& insn = built_.program[pc];
    std::string text = "opcode " + std::to_string(insn.opcode) + " r" + std::to_string(insn.dst) + " r" +
                       std::to_string(insn.src) + " off " + std::to_string(insn.off) + " imm " +
                       std::to_string(insn.imm) + " became";
    for (const Decoded& decoded : *piece.insns) text += " " + decoded.name;
    return text + ": ";
  }

  [[nodiscard]] static std::string explain(const Terms& terms, const std::vector<Path>& does,
                                           const std::vector<Path>& asked) {
    std::string text;
    for (const auto* paths : {&does, &asked}) {
      text += paths == &does ? "does" : "; asked";
      for (const Path& path : *paths) {
        text += " [";
        for (const Condition& c : path.conditions)
          text += (c.holds ? "if " : "unless ") + c.name + std::to_string(c.width) + " " + terms.text(c.a) + ", " +
                  terms.text(c.b) + "; ";
        for (const Event& event : path.events) {
          text += event.name + " " + std::to_string(event.bytes) + " at " + terms.text(event.address);
          for (const Term value : event.values) text += ", " + terms.text(value);
          text += "; ";
        }
        for (unsigned reg = 0; reg < kOthers; ++reg)
          if (path.regs[reg] != does.front().regs[reg] || path.regs[reg] != asked.front().regs[reg])
            text += "register " + std::to_string(reg) + " = " + terms.text(path.regs[reg]) + "; ";
        text += "to " + std::to_string(path.leads_to) + "]";
      }
    }
    return text;
  }

  Decoder& decoder_;
  Terms& terms_;
  const Built& built_;
  std::vector<bool> starts_;
  std::vector<Piece> pieces_;
};

}  // namespace

std::optional<std::string> Agreement::find_fault(const Built& built) {
  return Code(decoder_, terms_, built).find_fault(looked_);
}

}  // namespace skep::encoding
