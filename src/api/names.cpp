// One search for both, and one message.
#include "api/names.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace skep {
namespace {

template <class Things, class NameOf>
Result<std::uint32_t> find(const loader::ObjectSpec& spec, const Things& things, const char* what,
                           std::string_view name, NameOf name_of) {
  const auto found =
      std::find_if(things.begin(), things.end(), [&](const auto& thing) { return name_of(thing) == name; });
  if (found != things.end()) return static_cast<std::uint32_t>(found - things.begin());
  std::vector<std::string_view> names;
  std::transform(things.begin(), things.end(), std::back_inserter(names), name_of);
  return fail(ErrorCode::not_found, spec.name,
              fmt::format("has no {} {}; {}", what, name,
                          names.empty() ? "it has none" : fmt::format("it has: {}", fmt::join(names, ", "))));
}

}  // namespace

Result<std::uint32_t> find_map(const loader::ObjectSpec& spec, std::string_view name) {
  return find(spec, spec.maps, "map", name,
              [](const loader::MapDef& def) -> std::string_view { return def.spec.name; });
}

Result<std::uint32_t> find_program(const loader::ObjectSpec& spec, std::string_view name) {
  return find(spec, spec.programs, "program", name,
              [](const auto& program) -> std::string_view { return program->name; });
}

}  // namespace skep
