// Tags are collected once; what is wrong with one concerns only the program it stands on.
#include "loader/exceptions.hpp"

#include <fmt/format.h>

#include "btf/btf.hpp"

namespace skep::loader {
namespace {

constexpr std::string_view kTag = "exception_callback:";
constexpr std::string_view kSubprogSection = ".text";
constexpr std::int32_t kWhole = -1;

}  // namespace

ExceptionCallbacks ExceptionCallbacks::read(const Source& source, const Code& code) {
  ExceptionCallbacks callbacks;
  if (source.btf == nullptr) return callbacks;
  btf::TypeCursor cursor(*source.btf);
  while (cursor.next()) {
    if (cursor.kind() != btf::Kind::decl_tag || !std::string_view(cursor.name()).starts_with(kTag)) continue;
    const btf::Type tag = source.btf->type(cursor.id());
    const btf::Type function = source.btf->type(tag.ref);
    if (tag.component != kWhole || function.kind != btf::Kind::func) continue;
    const auto [known, added] = callbacks.tags_.try_emplace(function.name, Tag{tag.name.substr(kTag.size()), false});
    if (!added) known->second.several = true;
  }
  if (callbacks.tags_.empty()) return callbacks;
  for (const Function& function : code.functions)
    if (code.sections[function.section].name == kSubprogSection)
      callbacks.subprograms_.try_emplace(function.name, &function);
  return callbacks;
}

ExceptionCallbacks::Choice ExceptionCallbacks::of(std::string_view program) const {
  const auto tag = tags_.find(program);
  // Linux refuses a program with several callbacks; which one is appended does not matter then, and libbpf appends
  // none.
  if (tag == tags_.end() || tag->second.several) return {};
  const auto found = subprograms_.find(tag->second.callback);
  if (found == subprograms_.end() || found->second->local || found->second->hidden)
    return {nullptr, fmt::format("exception callback \"{}\" is no global function of section {}",
                                 shown(tag->second.callback), kSubprogSection)};
  return {found->second, {}};
}

}  // namespace skep::loader
