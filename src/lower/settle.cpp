// Numbers first: what they decide and replace is not read any more.
#include "lower/settle.hpp"

#include "lower/constants.hpp"
#include "lower/rows.hpp"
#include "lower/unread.hpp"

namespace skep::lower {

SettledProgram settle(const program::Program& program, const verifier::Facts& facts,
                      std::span<const std::shared_ptr<maps::MapStorage>> maps) {
  SettledProgram settled{program.insns, forms_of(program.insns), std::vector<Settled>(program.insns.size())};
  find_constants(program, facts, maps, settled);
  find_unread(program, settled);
  return settled;
}

}  // namespace skep::lower
