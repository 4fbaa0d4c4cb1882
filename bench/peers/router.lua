-- Envoy's Lua filter: MurmurHash3 x86 32 of "process-full-v2:<user_id>" on LuaJIT's 32-bit operations.
-- The id is found by a pattern, as such routers are written: a nested user_id, or an escaped one, misleads it.
local bit = require("bit")
local band, bor, bxor, lshift, rshift, rol, tobit = bit.band, bit.bor, bit.bxor, bit.lshift, bit.rshift, bit.rol, bit.tobit

-- a * b modulo 2^32; in halves, because doubles are exact only to 2^53
local function multiply(a, b)
    local low, high = band(a, 0xffff), rshift(a, 16)
    return tobit(low * b % 4294967296 + lshift(band(high * b % 4294967296, 0xffff), 16))
end

local function murmur3(text)
    local hash, length = 0, #text
    local whole = length - length % 4
    for at = 1, whole, 4 do
        local a, b, c, d = text:byte(at, at + 3)
        local word = bor(a, lshift(b, 8), lshift(c, 16), lshift(d, 24))
        hash = bxor(hash, multiply(rol(multiply(word, 0xcc9e2d51), 15), 0x1b873593))
        hash = tobit(multiply(rol(hash, 13), 5) + 0xe6546b64)
    end
    local tail = 0
    for at = length, whole + 1, -1 do tail = bor(lshift(tail, 8), text:byte(at)) end
    if length > whole then hash = bxor(hash, multiply(rol(multiply(tail, 0xcc9e2d51), 15), 0x1b873593)) end
    hash = bxor(hash, length)
    hash = multiply(bxor(hash, rshift(hash, 16)), 0x85ebca6b)
    hash = multiply(bxor(hash, rshift(hash, 13)), 0xc2b2ae35)
    return bxor(hash, rshift(hash, 16)) % 4294967296
end

function envoy_on_request(handle)
    local headers = handle:headers()
    headers:remove("x-to")
    if headers:get(":method") ~= "POST" or headers:get(":path") ~= "/process-full" then return end
    local body = handle:body()
    local key = body and body:getBytes(0, body:length()):match('"user_id"%s*:%s*"([^"]*)"')
    if key and murmur3("process-full-v2:" .. key) % 100 + 1 <= 50 then
        handle:headers():add("x-to", "v2") -- body() may have waited, which ends the life of `headers`
        handle:clearRouteCache()
    end
end
