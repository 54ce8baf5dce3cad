// Reads the extern sections of BTF.
#include "loader/externs.hpp"

namespace skep::loader {

using Kind = program::Need::Kind;

Externs::Externs(const btf::Btf* btf) {
  if (btf == nullptr) return;
  for (const std::string_view section : {".kconfig", ".ksyms"}) {
    const btf::TypeId id = btf->find(btf::Kind::datasec, section);
    if (id == 0) continue;
    for (const btf::SectionVar& place : btf->section_vars(btf->type(id))) {
      const btf::Type& type = btf->type(place.var);
      const Kind symbol = type.kind == btf::Kind::func ? Kind::kfunc : Kind::ksym;
      kinds_.try_emplace(type.name, section == ".kconfig" ? Kind::kconfig : symbol);
    }
  }
}

const Kind* Externs::find(std::string_view name) const noexcept {
  const auto found = kinds_.find(name);
  return found == kinds_.end() ? nullptr : &found->second;
}

}  // namespace skep::loader
