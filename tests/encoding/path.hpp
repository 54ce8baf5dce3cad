// One way through a piece of code: what it leaves in registers, what it does to memory, when it is taken, where it
// goes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <skep/insn.hpp>

#include "encoding/decoded.hpp"
#include "encoding/terms.hpp"

namespace skep::encoding {

/// Something that memory sees, but for loads.
struct Event {
  std::string name;  ///< "store", an atomic instruction's; happen() takes "load", too
  unsigned bytes = 0;
  Term address = 0;
  std::vector<Term> values;
  bool operator==(const Event&) const = default;
};

/// "eq", "ugt", "uge", "sgt", "sge", "set": of a and b; the others are these with `holds` the other way round.
struct Condition {
  std::string name;
  unsigned width = 64;
  Term a = 0;
  Term b = 0;
  bool holds = true;
  bool operator==(const Condition&) const = default;
};

/// `name` may also be "ne", "ult", "ule", "slt", "sle", "unset". What the processors' flags do not tell apart is one
/// condition: a bit test of a register with itself, or with a number that has no upper half.
[[nodiscard]] Condition make_condition(Terms& terms, std::string_view name, unsigned width, Term a, Term b);

/// What no value changes: comparisons of numbers, or with the least or the most there is.
[[nodiscard]] std::optional<bool> decided(const Terms& terms, const Condition& condition);

/// Where a path leads to that leaves the function.
constexpr std::uint32_t kReturns = UINT32_MAX;

struct Path {
  explicit Path(Terms& terms);
  bool operator==(const Path&) const = default;

  /// Notes an event; gives its result. A load's depends on nothing but the place and on which events came before, so
  /// that it does not matter when it happens in between.
  Term happen(Terms& terms, Event event);

  std::array<Term, kRegisters> regs;
  std::vector<Event> events;
  std::vector<Term> loads;
  std::vector<Condition> conditions;
  std::uint32_t leads_to = 0;  ///< offset in the code
  std::uint32_t age = 0;       ///< what memory has seen, of a row of numbers stored side by side all at once
  std::optional<Term> row;     ///< around where such a row is being stored
  std::vector<std::pair<Term, Term>> kept;  ///< words on C's stack, by address
};

/// Both may leave whatever they like in scratch registers.
[[nodiscard]] bool same(const Path& one, const Path& other);

/// The same of functions that return: what C preserves is as it was, r1 to r5 may be anything, and not all that was
/// asked for need be loaded.
[[nodiscard]] bool same_at_return(const Path& does, const Path& asked);

/// Numbers stored side by side may be stored in any pieces: as stores of single bytes, sorted by place, as long as
/// nothing else happens in between.
void spread_numbers(Terms& terms, Path& path);

}  // namespace skep::encoding
