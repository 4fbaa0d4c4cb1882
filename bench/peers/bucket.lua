-- MurmurHash3 x86 32 of "process-full-v2:<key>", as a bucket of 1 to 100. For HAProxy (Lua 5.3, 64-bit integers).
local function multiply(a, b) return (a * b) & 0xffffffff end
local function rotate(x, n) return ((x << n) | (x >> (32 - n))) & 0xffffffff end

local function murmur3(text)
    local hash, length = 0, #text
    local whole = length - length % 4
    for at = 1, whole, 4 do
        local word = multiply(string.unpack("<I4", text, at), 0xcc9e2d51)
        hash = hash ~ multiply(rotate(word, 15), 0x1b873593)
        hash = (multiply(rotate(hash, 13), 5) + 0xe6546b64) & 0xffffffff
    end
    local tail = 0
    for at = length, whole + 1, -1 do tail = (tail << 8) | text:byte(at) end
    if length > whole then hash = hash ~ multiply(rotate(multiply(tail, 0xcc9e2d51), 15), 0x1b873593) end
    hash = hash ~ length
    hash = multiply(hash ~ (hash >> 16), 0x85ebca6b)
    hash = multiply(hash ~ (hash >> 13), 0xc2b2ae35)
    return hash ~ (hash >> 16)
end

core.register_converters("bucket", function(key) return murmur3("process-full-v2:" .. key) % 100 + 1 end)
