// Kernel symbols and functions: looked up by name in the target's types, or given an address by the application.
#include <fmt/format.h>

#include "btf/core_compare.hpp"
#include "loader/externs.hpp"

namespace skep::loader {
namespace {

using Need = program::Need::Kind;

constexpr std::uint64_t kMaxSteps = 1u << 22;  // of comparing types, for all symbols of an object together

bool asks_types(const Extern& each) noexcept {
  return each.kind == Need::kfunc || (each.kind == Need::ksym && each.type != 0);
}

/// Finds the symbol, and decides whether it is what the object takes it for.
void look_up(Extern& each, const btf::CoreComparison& compare) {
  const bool function = each.kind == Need::kfunc;
  const btf::Btf& target = compare.target();
  const btf::TypeId id =
      function ? target.find(btf::Kind::func, btf::essential_name(each.name)) : target.find(btf::Kind::var, each.name);
  if (id == 0) return;
  const btf::TypeId local_type = compare.local().strip(each.type), target_type = target.strip(target.type(id).ref);
  if (compare.compatible(local_type, target_type) == btf::Match::yes) {
    each.found = true;
    each.target_id = id;
  } else if (!function) {
    each.problem = "its type in the target is another";
  }
}

}  // namespace

bool Externs::asks_target() const noexcept {
  for (const Extern& each : externs_)
    if (asks_types(each)) return true;
  return false;
}

Result<void> Externs::resolve_symbols(const btf::Btf* local, const btf::Btf* target, const Surroundings& around) {
  btf::CoreWork work(kMaxSteps);
  for (Extern& each : externs_) {
    const auto value = each.kind == Need::ksym ? around.values.find(each.name) : around.values.end();
    if (value != around.values.end()) {
      if (value->second.number() == nullptr)
        return fail(ErrorCode::invalid, fmt::format("extern {}", each.name), "a text is given, needs an address");
      each.address = *value->second.number();
      each.found = true;
      if (each.foreign) each.problem.clear();
    } else if (target != nullptr && asks_types(each)) {
      look_up(each, btf::CoreComparison(*local, *target, work));
    }
  }
  return {};
}

}  // namespace skep::loader
