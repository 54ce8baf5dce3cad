// Looking things up in an image.
#include "lower/image.hpp"

#include <algorithm>
#include <array>

#include "abi/context_fields.hpp"

namespace skep::lower {

namespace {

constexpr std::uint64_t kFunctions = std::uint64_t{0xfb} << 56;  // no processor takes such an address

}  // namespace

bool calls_back(const Binding& binding) noexcept {
  return binding.app != nullptr ||
         std::any_of(binding.row.args.begin(), binding.row.args.end(),
                     [](const auto& argument) { return argument.kind == abi::Arg::callback; });
}

bool Image::has_map(std::uint64_t value) const noexcept {
  return std::any_of(maps.begin(), maps.end(),
                     [value](const auto& map) { return reinterpret_cast<std::uint64_t>(map.get()) == value; });
}

std::uint64_t Image::address_of(const Function& function) const noexcept {
  return kFunctions + static_cast<std::uint64_t>(&function - functions.data());
}

const Function* Image::function_at(std::uint64_t value) const noexcept {
  const std::uint64_t index = value - kFunctions;
  return index < functions.size() ? &functions[index] : nullptr;
}

const Function& Image::function_of_op(std::uint32_t op) const noexcept {
  return *std::lower_bound(functions.begin(), functions.end(), op,
                           [](const Function& function, std::uint32_t at) { return function.op < at; });
}

bool Image::needs_structure() const noexcept {
  return context_needs.typed || abi::find_context_layout(program->type) != nullptr;
}

bool Image::suits(const Context& context) const noexcept {
  if (context_needs.bytes == 0) return true;
  const Context::Structured& structured = context.structured();
  if (structured.bytes != 0) return structured.type == program->type || !needs_structure();
  if (needs_structure()) return false;
  std::array<Context::Memory, Context::kMaxMemories> memories;
  const std::size_t count = context.memories(memories);
  const std::uint64_t r1 = context.entry().r1;
  return std::any_of(memories.begin(), memories.begin() + count, [&](const Context::Memory& memory) {
    return reinterpret_cast<std::uint64_t>(memory.base) == r1 && memory.bytes >= context_needs.bytes &&
           (memory.writable || !context_needs.writable);
  });
}

const MapRegion* Image::region_at(std::uint64_t address) const noexcept {
  const auto after = std::upper_bound(regions.begin(), regions.end(), address,
                                      [](std::uint64_t at, const MapRegion& region) { return at < region.base; });
  if (after == regions.begin()) return nullptr;
  const MapRegion& region = *std::prev(after);
  return address - region.base < region.bytes ? &region : nullptr;
}

}  // namespace skep::lower
