// What watchers are told of an image's code: symbols and lines, put together from parts and from what the program
// knows.
#pragma once

#include <memory>
#include <span>

#include <skep/code_watcher.hpp>
#include <skep/error.hpp>

#include "lower/image.hpp"
#include "vm/native.hpp"

namespace skep::jit {

/// Tells `watchers` of `code`, which must have a map (Options::keep_map). The result is the same code, and holds what
/// they returned; `image` need not outlive the call. Errors are the watchers'.
[[nodiscard]] Result<std::shared_ptr<const vm::NativeCode>> show(
    std::shared_ptr<const vm::NativeCode> code, const lower::Image& image,
    std::span<const std::shared_ptr<CodeWatcher>> watchers);

}  // namespace skep::jit
