// One pass over a target's types for all names an object asks about. Most names are dropped by their first bytes,
// without a look at the rest.
#include <cstring>

#include "btf/core.hpp"

namespace skep::btf {
namespace {

constexpr std::size_t kMaxWantedName = 512;  // bytes; Linux refuses types with longer names
constexpr std::size_t kBeginnings = 1u << 14;

/// Kinds without a type to find: functions and variables stand for nothing in CO-RE's rules.
bool can_be_wanted(Kind kind) noexcept {
  return kind != Kind::func && kind != Kind::var && kind != Kind::datasec && kind != Kind::decl_tag;
}

/// Equal for names that are equal without their flavours. `text` ends with a NUL. An underscore may begin a flavour, so
/// it counts as the end.
std::size_t beginning_of(const char* text) noexcept {
  constexpr int kBytes = 4;
  std::size_t hash = 0;
  for (int i = 0; i < kBytes && text[i] != '\0' && text[i] != '_'; ++i)
    hash = hash * 131 + static_cast<unsigned char>(text[i]);
  return hash % kBeginnings;
}

}  // namespace

std::size_t CoreCandidates::Hash::operator()(const Key& key) const noexcept {
  return std::hash<std::string_view>{}(key.name) + static_cast<std::size_t>(key.kind);
}

std::optional<CoreCandidates::Key> CoreCandidates::key_of(Kind kind, std::string_view name) noexcept {
  if (name.empty() || name.size() > kMaxWantedName || !can_be_wanted(kind)) return std::nullopt;
  return Key{is_enum(kind) ? Kind::enum_ : kind, essential_name(name)};
}

CoreCandidates::CoreCandidates(const Btf& local, std::span<const TypeId> asked, const CoreTarget& target)
    : target_(target), beginnings_(kBeginnings) {
  for (const TypeId id : asked) {
    const Type type = local.type(id);
    const auto key = key_of(type.kind, type.name);
    if (key && found_.try_emplace(*key).second) beginnings_[beginning_of(type.name.data())] = true;
  }
  if (!found_.empty()) look_in(target.kernel, true);
}

/// Modules are asked for what the kernel does not have: `kernel` is false for them.
void CoreCandidates::look_in(const Btf& types, bool kernel) {
  for (TypeCursor each(types); each.next();) {
    if (!can_be_wanted(each.kind()) || !beginnings_[beginning_of(each.name())]) continue;
    const auto key = key_of(each.kind(), {each.name(), strnlen(each.name(), kMaxWantedName + 1)});
    const auto wanted = key ? found_.find(*key) : found_.end();
    if (wanted == found_.end()) continue;
    std::vector<CoreCandidate>& found = wanted->second;
    const bool in_kernel = !found.empty() && found.front().types == &target_.kernel;
    if (kernel || !in_kernel) found.push_back({&types, each.id()});
  }
}

Result<void> CoreCandidates::load_modules() {
  asked_modules_ = true;
  auto modules = target_.modules();
  if (!modules) return fail(std::move(modules).error());
  modules_ = std::move(*modules);
  for (const auto& module : modules_) look_in(*module, false);
  return {};
}

Result<std::span<const CoreCandidate>> CoreCandidates::of(const Type& local) {
  const auto key = key_of(local.kind, local.name);
  const auto wanted = key ? found_.find(*key) : found_.end();
  if (wanted == found_.end()) return std::span<const CoreCandidate>();
  if (wanted->second.empty() && target_.modules && !asked_modules_)
    if (auto done = load_modules(); !done) return fail(std::move(done).error());
  return std::span<const CoreCandidate>(wanted->second);
}

}  // namespace skep::btf
