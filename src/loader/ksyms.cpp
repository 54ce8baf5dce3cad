// Kernel symbols and functions: looked up by name in the target's types, or given an address by the
// application or the kernel's own list.
#include <algorithm>
#include <cstring>
#include <unordered_map>

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

bool asks_address(const Extern& each) noexcept {
  return each.kind == Need::ksym && each.type == 0 && !each.found && !each.foreign;
}

/// Functions and variables by name, just those that an object asks for: found in one pass over a kernel's types, for an
/// index of all its names would take more time and memory.
class SymbolSearch {
 public:
  struct Place {
    const btf::Btf* types = nullptr;  ///< null: not found yet
    btf::TypeId id = 0;
  };

  void want(btf::Kind kind, std::string_view name) { wanted_.try_emplace({kind, name}); }
  [[nodiscard]] Place place(btf::Kind kind, std::string_view name) const { return wanted_.at({kind, name}); }
  [[nodiscard]] bool lacks_any() const {
    return std::any_of(wanted_.begin(), wanted_.end(), [](const auto& each) { return each.second.types == nullptr; });
  }
  /// The first of each name counts, also of several types that are looked through in turn.
  void look_in(const btf::Btf& types) {
    for (btf::TypeCursor each(types); each.next();) {
      if (each.kind() != btf::Kind::func && each.kind() != btf::Kind::var) continue;
      const auto wanted = wanted_.find({each.kind(), {each.name(), strnlen(each.name(), kMaxName + 1)}});
      if (wanted != wanted_.end() && wanted->second.types == nullptr) wanted->second = {&types, each.id()};
    }
  }

 private:
  using Key = std::pair<btf::Kind, std::string_view>;
  struct Hash {
    std::size_t operator()(const Key& key) const noexcept { return std::hash<std::string_view>{}(key.second); }
  };
  std::unordered_map<Key, Place, Hash> wanted_;
};

btf::Kind kind_of(const Extern& each) noexcept { return each.kind == Need::kfunc ? btf::Kind::func : btf::Kind::var; }

std::string_view name_of(const Extern& each) noexcept {
  return each.kind == Need::kfunc ? btf::essential_name(each.name) : each.name;
}

/// Decides whether a symbol that was found is what the object takes it for.
void take(Extern& each, btf::TypeId id, const btf::CoreComparison& compare) {
  const btf::TypeId local_type = compare.local().strip(each.type);
  const btf::TypeId target_type = compare.target().strip(compare.target().type(id).ref);
  if (compare.compatible(local_type, target_type) == btf::Match::yes) {
    each.found = true;
    each.target_id = id;
  } else if (each.kind == Need::ksym) {
    each.problem = "its type in the target is another";
  }
}

}  // namespace

bool Externs::asks_target() const noexcept {
  for (const Extern& each : externs_)
    if (asks_types(each)) return true;
  return false;
}

Result<void> Externs::take_addresses(const Surroundings& around) {
  for (Extern& each : externs_) {
    const auto value = each.kind == Need::ksym ? around.values.find(each.name) : around.values.end();
    if (value == around.values.end()) continue;
    if (value->second.number() == nullptr)
      return fail(ErrorCode::invalid, fmt::format("extern {}", each.name), "a text is given, needs an address");
    each.address = *value->second.number();
    each.found = true;
    if (each.foreign) each.problem.clear();
  }
  return {};
}

void Externs::look_up_types(const btf::Btf& local, const btf::Btf& target, const btf::CoreTarget::Modules& modules) {
  SymbolSearch search;
  std::vector<Extern*> asking;
  for (Extern& each : externs_)
    if (asks_types(each) && !each.found) asking.push_back(&each);
  if (asking.empty()) return;
  for (const Extern* each : asking) search.want(kind_of(*each), name_of(*each));
  search.look_in(target);
  std::vector<Types> loaded;  // outlives the search's places
  if (search.lacks_any() && modules)
    if (auto all = modules()) loaded = std::move(*all);
  for (const Types& module : loaded) search.look_in(*module);
  btf::CoreWork work(kMaxSteps);
  for (Extern* each : asking)
    if (const auto place = search.place(kind_of(*each), name_of(*each)); place.types != nullptr)
      take(*each, place.id, btf::CoreComparison(local, *place.types, work));
}

void Externs::take_kernel_addresses(const Surroundings& around) {
  if (!around.symbols || std::none_of(externs_.begin(), externs_.end(), asks_address)) return;
  std::unordered_map<std::string_view, Extern*> asking;
  for (Extern& each : externs_)
    if (asks_address(each)) asking.emplace(each.name, &each);
  const auto read = around.symbols([&asking](std::string_view name, char type, std::uint64_t address) {
    // clang's link-time optimization makes static data unique by a suffix.
    if (type == 'd') name = name.substr(0, name.find(".llvm."));
    const auto asked = asking.find(name);
    if (asked == asking.end()) return;
    Extern& symbol = *asked->second;
    if (symbol.found && symbol.address != address)
      symbol.problem = fmt::format("ambiguous: the kernel has it at {:#x} and {:#x}", symbol.address, address);
    symbol.found = true;
    symbol.address = address;
  });
  if (read) return;
  for (const auto& [name, symbol] : asking)
    if (!symbol->weak && !symbol->found) symbol->problem = read.error().message();
}

Result<void> Externs::resolve_symbols(const btf::Btf* local, const btf::Btf* target,
                                      const btf::CoreTarget::Modules& modules, const Surroundings& around) {
  if (auto done = take_addresses(around); !done) return done;
  if (target != nullptr && local != nullptr) look_up_types(*local, *target, modules);
  take_kernel_addresses(around);
  return {};
}

}  // namespace skep::loader
